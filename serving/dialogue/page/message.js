// One message in the log, and what its reader may do with it.

const template = document.getElementById("message");

export class Message {
  // actions: {judge(message, rating, correction), again()}; both may throw.
  constructor(role, text, actions) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.classList.add(role);
    this.find("h2").textContent = role === "user" ? "You said" : "Reply";
    this.id = null;
    this.rating = null;
    this.correction = null;
    this.actions = actions;
    this.text = text;
    this.find(".up").onclick = () => this.judge(this.rating === 1 ? null : 1, null);
    this.find(".down").onclick = () => this.judge(this.rating === -1 ? null : -1, this.correction);
    this.find(".again").onclick = () => actions.again();
    this.find(".correct").onclick = () => this.edit(this.find(".correction").hidden);
    this.find(".cancel").onclick = () => this.edit(false);
    this.find(".correction").onsubmit = (event) => {
      event.preventDefault();
      this.judge(-1, this.find(".correction textarea").value).then((kept) => kept && this.edit(false));
    };
    this.find(".correction").onkeydown = (event) => {
      if (event.key === "Escape") this.edit(false);
    };
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  get text() {
    return this.find(".text").textContent;
  }

  set text(value) {
    this.find(".text").textContent = value;
  }

  // A whole reply, which can be judged.
  settle({ id, rating = null, correction = null, finish_reason = null }) {
    this.id = id;
    this.element.classList.remove("writing");
    this.find(".actions").hidden = !id;
    if (finish_reason === "length") this.note("The reply was cut at its longest length.");
    this.show(rating, correction);
  }

  note(text) {
    this.find(".note").textContent = text;
    this.find(".note").hidden = !text;
  }

  last(is) {
    this.find(".again").hidden = !is;
  }

  edit(open) {
    this.find(".correction").hidden = !open;
    this.find(".correct").setAttribute("aria-expanded", open);
    const box = this.find(".correction textarea");
    if (open) {
      box.value = this.correction ?? this.text;
      box.focus();
    } else {
      this.find(".correct").focus();
    }
  }

  async judge(rating, correction) {
    if (!(await this.actions.judge(this, rating, correction))) return false;
    this.show(rating, correction);
    return true;
  }

  show(rating, correction) {
    [this.rating, this.correction] = [rating, correction];
    this.find(".up").setAttribute("aria-pressed", rating === 1);
    this.find(".down").setAttribute("aria-pressed", rating === -1);
    if (correction) this.note(`Your correction: ${correction}`);
    else if (this.find(".note").textContent.startsWith("Your correction")) this.note("");
  }
}
