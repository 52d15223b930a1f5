// What the page asks of the server.

const KEY = "parlance-key";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
};

async function send(method, path, body, signal) {
  const headers = {};
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal });
  if (response.ok) return response;
  const said = await response.json().catch(() => null);
  throw new Refused(response.status, said?.error?.message ?? `The server answered ${response.status}.`);
}

export const ask = async (method, path, body) => (await send(method, path, body)).json();

let model = null;

// The pieces of a reply as they come. said null asks for another reply to the last message.
// begun: told {conversation, message} (ids) before the first piece.
export async function* reply(conversation, said, signal, begun) {
  const messages = said === null ? [] : [{ role: "user", content: said }];
  model ??= (await ask("GET", "/v1/models")).data[0]?.id;
  if (!model) throw new Refused(503, "No model is served yet.");
  const response = await send("POST", "/v1/chat/completions", { model, stream: true, conversation, messages }, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Refused(0, "The connection was lost before the reply was whole.");
    held += value;
    const lines = held.split("\n");
    held = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const data = line.slice(5).trim();
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      if (event.error) throw new Refused(0, event.error.message);
      if (event.message_id) begun({ conversation: event.conversation, message: event.message_id });
      const piece = event.choices?.[0]?.delta?.content;
      if (piece) yield piece;
    }
  }
}
