// A run on the page: each layer's proposers side by side, then the answer.

const STATES = {
  waiting: ["·", "waiting"],
  asked: ["▸", "answering"],
  ok: ["✓", "answered"],
  error: ["✗", "failed"],
  timeout: ["◔", "too late"],
  cancelled: ["⊘", "cancelled"],
  empty: ["∅", "empty"],
  refused: ["✗", "refused"],
  skipped: ["–", "not asked"],
  spared: ["=", "not needed"],
  stopped: ["■", "stopped"],
};
const RUN_STATES = { ok: "complete", degraded: "degraded", failed: "failed", stopped: "stopped", running: "running" };
const WHY = {
  cancelled: "the quorum was reached without it, so its call was stopped",
  timeout: "it took longer than the deadline",
  stopped: "the run was stopped",
};

export function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/** Show HTML that the server made of Markdown; scripts would not run in it, nor does the server let any through. */
function showMarkdown(place, html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  for (const link of parsed.links) link.target = "_blank";
  place.replaceChildren(...parsed.body.childNodes);
}

export function seconds(value) {
  if (value === null || value === undefined) return null;
  return value < 10 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`;
}

export function dollars(value) {
  if (value === null || value === undefined) return "cost unknown";
  if (value === 0) return "$0";
  return `$${value.toFixed(value < 0.01 ? 5 : value < 1 ? 4 : 2)}`;
}

function tokens(usage) {
  const number = (value) => (value === null || value === undefined ? "?" : value.toLocaleString("en"));
  if (!usage || (usage.input_tokens === null && usage.output_tokens === null)) return "tokens unknown";
  return `${number(usage.input_tokens)} tokens in, ${number(usage.output_tokens)} out`;
}

class Seat {
  constructor(seat, isAnswer) {
    this.place = element(isAnswer ? "div" : "li", "seat");
    this.card = element("article");
    this.bar = element("div", "bar-of-time");
    this.bar.append(element("div"));
    this.name = element("h4", "", isAnswer ? "Written by the aggregator" : nameOf(seat));
    this.state = element("span", "state");
    this.model = element("p", "model", seat.model);
    this.facts = element("p", "facts");
    this.reason = element("p", "reason");
    this.text = element("div", "text");
    this.text.setAttribute("role", "group");
    this.text.setAttribute("aria-label", isAnswer ? "Answer" : `Answer of ${nameOf(seat)}`);
    const head = element("div", "head");
    head.append(this.name, this.state);
    this.card.append(this.bar, head, this.model, this.facts, this.reason, this.text);
    this.place.append(this.card);
    this.seconds = null;
    this.piece = "";
    this.set("waiting");
  }

  get isOpen() {
    return this.word === "waiting" || this.word === "asked";
  }

  set(word) {
    const [mark, name] = STATES[word] ?? ["?", word];
    this.word = word;
    this.card.dataset.state = word;
    const sign = element("span", "mark", mark);
    sign.setAttribute("aria-hidden", "true");
    this.state.replaceChildren(sign, ` ${name}`);
  }

  begin(model, now) {
    this.began = now;
    this.model.textContent = model;
    this.set("asked");
    this.tick(now);
  }

  tick(now) {
    if (this.word !== "asked") return;
    this.seconds = (now - this.began) / 1000;
    this.facts.textContent = seconds(this.seconds);
  }

  /** Take a piece of the text, to be shown with the next frame. */
  take(text, begins) {
    if (begins) {
      this.piece = "";
      this.written = document.createTextNode("");
      this.text.replaceChildren(this.written);
      this.text.classList.add("raw");
    }
    this.piece += text;
  }

  flush() {
    if (!this.piece || !this.written) return;
    const follows = this.text.scrollTop + this.text.clientHeight >= this.text.scrollHeight - 8;
    this.written.appendData(this.piece);
    this.piece = "";
    if (follows) this.text.scrollTop = this.text.scrollHeight;
  }

  end(told) {
    this.piece = "";
    this.set(told.status);
    this.seconds = told.seconds;
    const served = told.served_model && told.served_model !== told.model && !told.model.endsWith(`:${told.served_model}`);
    this.model.textContent = served ? `${told.model} → ${told.served_model}` : told.model;
    const tries = told.attempts > 1 ? `${told.attempts} requests` : null;
    const isTold = told.status === "ok" || told.usage !== null || told.cost !== null;
    const spent = isTold ? [tokens(told.usage), dollars(told.cost)] : [];
    const facts = [seconds(told.seconds), ...spent, tries];
    this.facts.textContent = facts.filter((fact) => fact !== null).join(" · ");
    this.reason.textContent = told.status === "ok" ? "" : sentence(told.error?.message ?? WHY[told.status] ?? "");
    if (told.html || told.status !== "stopped") this.show(told.html);
  }

  show(html) {
    this.piece = "";
    this.text.classList.remove("raw");
    showMarkdown(this.text, html ?? "");
    this.text.scrollTop = 0;
    if (this.text.scrollHeight > this.text.clientHeight + 1) this.text.tabIndex = 0;
    else this.text.removeAttribute("tabindex");
  }

  stop() {
    this.flush();
    this.set("stopped");
    this.reason.textContent = sentence(WHY.stopped);
  }
}

function sentence(text) {
  return text && text[0].toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
}

function nameOf(seat) {
  return seat.slot === "join" ? "aggregator of this layer" : seat.slot.replaceAll("_", " ");
}

class Stage {
  constructor(stage, place) {
    this.isAnswer = stage.layer === null;
    this.title = this.isAnswer ? "Answer" : `Layer ${stage.layer}`;
    this.section = element("section", this.isAnswer ? "stage answer" : "stage");
    if (this.isAnswer) Object.assign(this.section, { id: "answer", tabIndex: -1 });
    this.counts = element("span", "counts");
    const head = element("h3", "", `${this.title} `);
    head.append(this.counts);
    const seats = element(this.isAnswer ? "div" : "ul", "seats");
    this.seats = stage.seats.map((seat) => new Seat(seat, this.isAnswer));
    seats.append(...this.seats.map((seat) => seat.place));
    if (this.seats.length > 12) seats.classList.add("many");
    else if (this.seats.length === 4 || this.seats.length === 5) seats.classList.add("narrow");
    this.rules = [
      stage.quorum ? `quorum ${stage.quorum}` : null,
      stage.deadline ? `deadline ${stage.deadline} s` : null,
      stage.grace === null || stage.grace === undefined ? null : `grace ${stage.grace} s`,
    ].filter(Boolean);
    this.section.append(head, seats);
    place.append(this.section);
    this.count();
  }

  get isOver() {
    return this.seats.every((seat) => !seat.isOpen);
  }

  summary() {
    const counted = new Map();
    for (const seat of this.seats) counted.set(seat.word, (counted.get(seat.word) ?? 0) + 1);
    return [...counted].map(([word, times]) => `${times} ${STATES[word]?.[1] ?? word}`).join(", ");
  }

  count() {
    this.counts.textContent = this.isAnswer ? "" : [this.summary(), ...this.rules].join(" · ");
    const longest = Math.max(...this.seats.map((seat) => seat.seconds ?? 0));
    for (const seat of this.seats) {
      const share = longest > 0 ? (seat.seconds ?? 0) / longest : 0;
      seat.bar.firstChild.style.width = `${Math.round(share * 100)}%`;
    }
  }
}

export class RunView {
  /** @param announce takes a sentence for those who do not see the page. */
  constructor(announce) {
    this.announce = announce;
    this.section = document.getElementById("run");
    this.question = document.getElementById("asked");
    this.facts = document.getElementById("facts");
    this.place = document.getElementById("stages");
    this.seats = new Map();
    this.stages = [];
  }

  clear() {
    this.halt();
    this.section.hidden = true;
    this.place.replaceChildren();
    this.showFacts([]);
    this.stages = [];
    this.seats.clear();
  }

  begin(told) {
    this.draw(told.question, told.stages);
    this.began = performance.now();
    this.showFacts([["status", RUN_STATES.running, "running"], ["", told.name]]);
    const first = this.stages[0];
    this.announce(`Asked ${told.name}. ${first.title}: ${first.seats.length} proposers.`);
    this.clock = setInterval(() => this.tick(), 200);
  }

  take(event) {
    const seat = this.seats.get(event.node);
    if (!seat) return;
    if (event.type === "asked") {
      seat.begin(event.model, performance.now());
      if (event.node === "aggregator") this.announce("The aggregator writes the answer.");
    } else if (event.type === "piece") {
      seat.take(event.text, event.begins);
      this.frame ??= requestAnimationFrame(() => this.flush());
      return;
    } else if (event.type === "seat") {
      seat.end(event);
    } else if (event.type === "answer") {
      seat.show(event.html);
    }
    this.countStage(event);
  }

  countStage(event) {
    const stage = this.stages.find((one) => one.seats.includes(this.seats.get(event.node)));
    stage.count();
    if (event.type === "seat" && stage.isOver) this.announce(`${stage.title}: ${stage.summary()}.`);
  }

  /** Show a whole run, an earlier one or the one whose events came. */
  end(run) {
    this.halt();
    if (this.stages.length === 0) this.draw(run.question, run.stages);
    const told = run.stages.flatMap((stage) => stage.seats);
    for (const seat of told) this.seats.get(seat.node)?.end(seat);
    const named = new Set(told.map((seat) => seat.node));
    for (const [node, seat] of this.seats) if (seat.isOpen && !named.has(node)) seat.set("skipped");
    if (run.html !== null) this.seats.get("aggregator")?.show(run.html);
    for (const stage of this.stages) stage.count();
    this.showRun(run);
    const took = seconds(run.seconds);
    this.announce(`The run is ${RUN_STATES[run.status]}${took ? `, after ${took}` : ""}.`);
  }

  open(run) {
    this.clear();
    this.end(run);
  }

  /** Show that what has not ended will not; a run that has ended stays as it is. */
  stop() {
    this.halt();
    const unfinished = [...this.seats.values()].filter((seat) => seat.isOpen);
    if (unfinished.length === 0) return;
    for (const seat of unfinished) seat.stop();
    for (const stage of this.stages) stage.count();
    this.showFacts([["status", RUN_STATES.stopped, "stopped"]]);
    this.announce("The run is stopped.");
  }

  draw(question, stages) {
    this.section.hidden = false;
    this.question.textContent = question;
    this.place.replaceChildren();
    this.stages = stages.map((stage) => new Stage(stage, this.place));
    this.seats = new Map(stages.flatMap((stage, index) => stage.seats.map((seat, at) => [seat.node, this.stages[index].seats[at]])));
  }

  showRun(run) {
    const total = run.cost?.total ?? null;
    const cost = dollars(total) + (total !== null && run.cost.unpriced.length ? " and more" : "");
    this.showFacts([
      ["status", RUN_STATES[run.status], run.status],
      ["", run.mixture],
      ["", seconds(run.seconds)],
      ["", tokens(run.usage)],
      ["", cost],
      ["why", run.error?.message ?? null],
    ]);
  }

  showFacts(facts) {
    const shown = facts.filter(([, text]) => text !== null && text !== undefined);
    this.facts.replaceChildren(
      ...shown.map(([kind, text, state]) => {
        const item = element("li", kind, text);
        if (state) item.dataset.state = state;
        return item;
      }),
    );
  }

  tick() {
    const now = performance.now();
    for (const seat of this.seats.values()) seat.tick(now);
  }

  flush() {
    this.frame = null;
    for (const seat of this.seats.values()) seat.flush();
  }

  halt() {
    clearInterval(this.clock);
    if (this.frame) cancelAnimationFrame(this.frame);
    this.flush();
  }
}
