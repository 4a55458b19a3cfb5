// The page: the form, its settings, the list of earlier runs.

import { Refused, ask, get, getBlob, hasToken } from "./asking.js";
import { RunView, element, seconds } from "./drawing.js";

const byId = (id) => document.getElementById(id);
const form = byId("ask");
const question = byId("question");
const mixture = byId("mixture");
const problem = byId("problem");
const view = new RunView((sentence) => (byId("told").textContent = sentence));
const LAYER_FIELDS = ["quorum", "deadline", "grace"];
const STATUS = { ok: "✓ complete", degraded: "! degraded", failed: "✗ failed", stopped: "■ stopped" };
let running = null;

function tell(error) {
  const broken = error instanceof Refused ? error.message : `The connection to the server broke off (${error.message}). Ask again.`;
  problem.textContent = broken;
}

async function attempt(work) {
  problem.textContent = "";
  try {
    return await work();
  } catch (error) {
    tell(error);
    return null;
  }
}

// ---- what is asked, and how

async function loadMixtures() {
  const { mixtures } = await get("/mixtures");
  mixture.replaceChildren(...mixtures.map((name) => new Option(name, name)));
  await loadSettings();
}

async function loadSettings() {
  const name = mixture.value;
  const described = await get(`/mixture?name=${encodeURIComponent(name)}`);
  if (mixture.value !== name) return;
  const layers = described.stages.filter((stage) => stage.layer !== null);
  for (const key of LAYER_FIELDS) {
    const field = byId(key);
    const values = new Set(layers.map((layer) => layer[key]));
    const [first] = values;
    field.value = "";
    field.placeholder = values.size > 1 ? "differs by layer" : first === null ? "waits for all" : String(first);
  }
  const slots = new Map();
  for (const stage of described.stages) {
    for (const seat of stage.seats) if (seat.slot !== "join" && !slots.has(seat.slot)) slots.set(seat.slot, seat.model);
  }
  byId("models").replaceChildren(...[...slots].map(([slot, model]) => modelField(slot, model)));
  countChanges();
}

function modelField(slot, model) {
  const label = element("label", "", slot);
  const field = element("input");
  field.dataset.slot = slot;
  field.placeholder = model;
  field.spellcheck = false;
  field.autocapitalize = "off";
  field.autocomplete = "off";
  label.append(field);
  return label;
}

function changes() {
  const models = [...byId("models").querySelectorAll("input")].filter((field) => field.value.trim());
  const layers = LAYER_FIELDS.map(byId).filter((field) => field.value.trim());
  return { models, layers };
}

function countChanges() {
  const { models, layers } = changes();
  const count = models.length + layers.length;
  byId("changes").textContent = count ? `(${count} changed)` : "";
}

function request() {
  const { models, layers } = changes();
  const asked = { question: question.value, mixture: mixture.value };
  if (models.length) asked.models = Object.fromEntries(models.map((field) => [field.dataset.slot, field.value.trim()]));
  for (const field of layers) asked[field.id] = Number(field.value);
  return asked;
}

/** Say what is wrong in a field, if anything is; one that is folded away could not say it. */
function isValid() {
  const wrong = form.querySelector(":is(input, textarea):invalid");
  wrong?.closest("details")?.setAttribute("open", "");
  return form.reportValidity();
}

// ---- a run

async function run() {
  if (running || !isValid()) return;
  running = new AbortController();
  setRunning(true);
  problem.textContent = "";
  view.clear();
  try {
    await follow(ask(request(), running.signal));
  } catch (error) {
    if (!running.signal.aborted) tell(error);
    view.stop();
  }
  const isStopped = running.signal.aborted;
  running = null;
  setRunning(false);
  await attemptQuietly(isStopped ? loadStoppedRun : loadRuns);
}

/** List the runs when the server has noticed that one was stopped, and kept it. */
async function loadStoppedRun() {
  const last = byId("runs").querySelector("a")?.hash;
  for (const milliseconds of [50, 200, 500, 1000, 2000]) {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    await loadRuns();
    if (byId("runs").querySelector("a")?.hash !== last) return;
  }
}

async function follow(events) {
  let ended = null;
  for await (const event of events) {
    if (event.type === "begin") {
      view.begin(event);
      history.replaceState(null, "", location.pathname);
    } else if (event.type === "end") ended = event;
    else view.take(event);
  }
  if (!ended) throw new Refused("The server ended the run before it was complete. Ask again.");
  if (ended.run) {
    view.end(ended.run);
    offerMore(ended.run.id);
    history.replaceState(null, "", `#run=${ended.run.id}`);
  }
  if (ended.error) throw new Refused(ended.error.message);
}

function setRunning(isRunning) {
  byId("stop").hidden = !isRunning;
  byId("send").disabled = isRunning;
  byId("run").setAttribute("aria-busy", String(isRunning));
  if (!isRunning && document.activeElement === document.body) question.focus({ preventScroll: true });
}

/** Refresh what the reader did not ask for: a failure shows itself when it matters. */
async function attemptQuietly(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused) && !(error instanceof TypeError)) throw error;
  }
}

// ---- earlier runs

async function loadRuns() {
  const { runs } = await get("/runs");
  byId("no-runs").hidden = runs.length > 0;
  byId("runs").replaceChildren(...runs.map(listedRun));
}

function listedRun(run) {
  const item = element("li");
  const link = element("a", "", run.question || "(no question)");
  link.href = `#run=${run.id}`;
  const when = element("time", "", new Date(run.started_at).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" }));
  when.dateTime = run.started_at;
  const status = element("span", "status", STATUS[run.status]);
  status.dataset.state = run.status;
  const facts = element("p", "hint");
  const took = seconds(run.seconds);
  facts.append(status, ` · ${run.mixture} · ${took ? `${took} · ` : ""}`, when);
  item.append(link, facts);
  return item;
}

function offerMore(id) {
  const down = element("li");
  down.append(Object.assign(element("a", "", "To the answer"), { href: "#answer" }));
  byId("facts").append(down, recordLink(id));
}

function recordLink(id) {
  const item = element("li");
  const link = element("a", "", "Open the record");
  link.href = `/playground/api/runs/${id}/record`;
  link.target = "_blank";
  link.rel = "noopener";
  link.addEventListener("click", (event) => {
    if (!hasToken()) return;
    event.preventDefault();
    attempt(() => saveRecord(id)); // a link cannot carry the token
  });
  item.append(link);
  return item;
}

async function saveRecord(id) {
  const address = URL.createObjectURL(await getBlob(`/runs/${id}/record`));
  const link = element("a");
  link.href = address;
  link.download = `run-${id}.html`;
  link.click();
  URL.revokeObjectURL(address);
}

async function openFromAddress() {
  const id = /^#run=([\w-]+)$/.exec(location.hash)?.[1];
  if (!id || running) return;
  const opened = await attempt(() => get(`/runs/${id}`));
  if (!opened || running || location.hash !== `#run=${id}`) return;
  view.open(opened);
  offerMore(id);
  byId("asked").scrollIntoView({ block: "start" });
}

// ---- events

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  run();
});
byId("settings").addEventListener("input", countChanges);
byId("settings").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
});
byId("stop").addEventListener("click", () => {
  running?.abort();
  question.focus();
});
byId("reset").addEventListener("click", () => attempt(loadSettings));
mixture.addEventListener("change", () => attempt(loadSettings));
window.addEventListener("hashchange", openFromAddress);

await attempt(loadMixtures);
await attemptQuietly(loadRuns);
await openFromAddress();
question.focus({ preventScroll: true });
