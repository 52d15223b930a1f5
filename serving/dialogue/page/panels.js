// The panels: what is remembered, what is kept and what for, the key.

import { ask, key } from "./server.js";

const $ = (id) => document.getElementById(id);

// attempt(work): runs work, shows its error; true when there was none.
export function panels(attempt, changedKey) {
  for (const button of document.querySelectorAll("[data-close]")) button.onclick = () => button.closest("dialog").close();

  async function remembered() {
    const found = await ask("GET", "/v1/memory");
    fill("facts", found.facts, (fact) => fact.text);
    fill("segments", found.segments, (segment) => segment.text);
    const any = found.facts.length + found.segments.length > 0;
    $("no-memory").hidden = any;
    $("forget-all").disabled = !any;
  }

  function fill(id, items, text) {
    $(`${id}-title`).hidden = !items.length;
    $(id).replaceChildren(...items.map((item) => {
      const [line, said, button] = ["li", "span", "button"].map((name) => document.createElement(name));
      said.textContent = text(item);
      said.title = new Date(item.created * 1000).toLocaleString();
      button.textContent = "Forget";
      button.className = "quiet";
      button.setAttribute("aria-label", `Forget: ${text(item)}`);
      button.onclick = () => attempt(async () => {
        await ask("DELETE", `/v1/memory/${item.id}`);
        await remembered();
        $("memory-title").focus();
      });
      line.append(said, button);
      return line;
    }));
  }

  $("show-memory").onclick = () => attempt(async () => {
    await remembered();
    $("memory").showModal();
  });
  $("forget-all").onclick = () => attempt(async () => {
    if (!confirm("Forget everything that is remembered of you? Your conversations stay.")) return;
    await ask("DELETE", "/v1/memory");
    await remembered();
  });

  function shown(consent) {
    $("kept").textContent = consent.kept;
    $("consent").checked = consent.training;
    $("user").textContent = consent.user;
  }

  $("show-privacy").onclick = () => attempt(async () => {
    shown(await ask("GET", "/v1/consent"));
    $("privacy").showModal();
  });
  $("consent").onchange = async () => {
    const wanted = $("consent").checked;
    $("consent").checked = !wanted; // until the server has it
    await attempt(async () => shown(await ask("PUT", "/v1/consent", { training: wanted })));
  };
  $("export").onclick = () => attempt(async () => {
    const text = JSON.stringify(await ask("GET", "/v1/export"), null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = "parlance-export.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });

  $("change-key").onclick = () => {
    $("privacy").close();
    askKey();
  };
  $("login-form").onsubmit = (event) => {
    event.preventDefault();
    key.set($("key").value.trim());
    $("key").value = "";
    $("login").close();
    changedKey();
  };

  function askKey() {
    if (!$("login").open) $("login").showModal();
  }

  return { askKey };
}
