// The conversation, and the list of conversations.

import { Message } from "./message.js";
import { panels } from "./panels.js";
import { ask, Refused, reply } from "./server.js";

const $ = (id) => document.getElementById(id);
const log = $("log");

let conversation = "new";
let messages = [];
let writing = null; // the AbortController of a reply under way

const { askKey } = panels(attempt, () => attempt(begin));

function say(text) {
  $("status").textContent = text;
}

async function attempt(work) {
  $("error").textContent = "";
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof Refused && error.status === 401) askKey();
    else $("error").textContent = error instanceof Refused ? error.message : `The server cannot be reached. (${error.message})`;
    return false;
  }
}

function add(role, text) {
  const message = new Message(role, text, {
    again: () => exchange(null),
    judge: (judged, rating, correction) => attempt(async () => {
      await ask("POST", `/v1/messages/${judged.id}/feedback`, { rating, correction });
      say(correction ? "Your correction is kept." : rating === null ? "Taken back." : "Thank you.");
    }),
  });
  messages.push(message);
  log.append(message.element);
  mark();
  return message;
}

function mark() {
  messages.forEach((message, at) => message.last(at === messages.length - 1 && !writing));
}

function follow(work) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  work();
  if (atEnd) log.scrollTo({ top: log.scrollHeight, behavior: "instant" });
}

function busy(controller) {
  writing = controller;
  $("stop").hidden = !controller;
  $("send").hidden = Boolean(controller);
  mark();
}

// said null: another reply to the last message, in place of the one that stands.
async function exchange(said) {
  if (writing) return;
  const before = said === null ? messages.pop() : null;
  before?.element.remove();
  const asked = said === null ? null : add("user", said);
  const written = add("assistant", "");
  written.element.classList.add("writing");
  const controller = new AbortController();
  busy(controller);
  say("The reply is being written.");
  log.scrollTo({ top: log.scrollHeight, behavior: "instant" });
  let ids = {};
  const whole = await attempt(async () => {
    try {
      for await (const piece of reply(conversation, said, controller.signal, (found) => (ids = found))) {
        follow(() => (written.text += piece));
      }
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      ids = {};
    }
  });
  busy(null);
  if (whole && ids.message) {
    written.settle({ id: ids.message });
    say(`Reply: ${written.text}`);
    const fresh = conversation !== ids.conversation;
    conversation = ids.conversation;
    if (fresh) await attempt(list);
  } else {
    takeBack(written, asked, before);
  }
  mark();
}

// The server keeps whole exchanges only: the page shows what stands, and gives the message back.
function takeBack(written, asked, before) {
  messages = messages.filter((message) => message !== written && message !== asked);
  if (before) {
    written.element.replaceWith(before.element);
    messages.push(before);
    say("Stopped. The reply from before stands.");
    return;
  }
  for (const message of [asked, written]) message.element.classList.add("gone");
  written.element.classList.remove("writing");
  written.note("Not kept: the reply is not whole. Your message is back in the box.");
  if (!$("said").value) $("said").value = asked.text;
  say("Stopped. Your message is back in the box.");
  $("said").focus();
}

async function list() {
  const { data } = await ask("GET", "/v1/conversations");
  $("conversations").replaceChildren(...data.map(({ id, title }) => {
    const [line, open, drop] = ["li", "button", "button"].map((name) => document.createElement(name));
    open.textContent = title || "(empty)";
    open.className = drop.className = "quiet";
    if (id === conversation) open.setAttribute("aria-current", "true");
    open.onclick = () => attempt(() => show(id));
    drop.textContent = "✕";
    drop.setAttribute("aria-label", `Delete: ${title}`);
    drop.onclick = () => attempt(async () => {
      if (!confirm(`Delete “${title}”, with what is remembered of it?`)) return;
      await ask("DELETE", `/v1/conversations/${id}`);
      if (id === conversation) await show("new");
      else await list();
    });
    line.append(open, drop);
    return line;
  }));
}

async function show(id) {
  writing?.abort();
  const found = id === "new" ? { messages: [] } : await ask("GET", `/v1/conversations/${id}`);
  conversation = id;
  messages = [];
  log.replaceChildren();
  for (const message of found.messages) {
    const shown = add(message.role, message.content);
    if (message.role === "assistant") shown.settle(message);
  }
  mark();
  log.scrollTo({ top: log.scrollHeight, behavior: "instant" });
  opened(false);
  await list();
  $("said").focus();
}

function opened(open) {
  $("list").classList.toggle("open", open);
  $("toggle").setAttribute("aria-expanded", open);
}

async function begin() {
  await show("new");
}

$("composer").onsubmit = (event) => {
  event.preventDefault();
  const said = $("said").value.trim();
  if (!said || writing) return;
  for (const gone of log.querySelectorAll(".gone")) gone.remove();
  $("said").value = "";
  exchange(said);
};
$("said").onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("composer").requestSubmit();
  }
};
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && writing) writing.abort();
});
$("stop").onclick = () => writing?.abort();
$("new").onclick = () => attempt(() => show("new"));
$("toggle").onclick = () => opened(!$("list").classList.contains("open"));

attempt(begin);
