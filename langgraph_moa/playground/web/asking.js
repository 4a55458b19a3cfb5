// Requests to the server: the bearer token, errors in words, and a run as a stream of events.

const API = "/playground/api";
const KEY = "langgraph-moa-token";
let kept = null;

export class Refused extends Error {}

export function hasToken() {
  return token() !== null;
}

export async function get(path) {
  return (await call(path)).json();
}

export async function getBlob(path) {
  return (await call(path)).blob();
}

/** Yield the events of a run; aborting the signal ends the run on the server. */
export async function* ask(request, signal) {
  const response = await call("/ask", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request),
    signal,
  });
  let unread = "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (unread + value).split(/\r?\n\r?\n/);
    unread = parts.pop();
    for (const part of parts) {
      const data = part
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trimStart())
        .join("\n");
      if (data) yield JSON.parse(data);
    }
  }
}

async function call(path, options = {}) {
  for (;;) {
    const known = token();
    const headers = { ...options.headers, ...(known && { Authorization: `Bearer ${known}` }) };
    const response = await fetch(API + path, { ...options, headers, credentials: "omit" });
    if (response.ok) return response;
    if (response.status !== 401) throw new Refused(await reason(response));
    await askForToken(known);
  }
}

async function reason(response) {
  try {
    const { error } = await response.json();
    return error.message ?? String(error);
  } catch {
    return `the server answered ${response.status} ${response.statusText}`.trim();
  }
}

function token() {
  try {
    return sessionStorage.getItem(KEY) ?? kept;
  } catch {
    return kept;
  }
}

function keep(given) {
  kept = given;
  try {
    sessionStorage.setItem(KEY, given);
  } catch {
    // storage is switched off: it holds until the page is closed
  }
}

let asking = null;

/** Show the dialog once, whoever needs the token. */
function askForToken(refused) {
  if (token() !== refused) return Promise.resolve();
  asking ??= new Promise((resolve, reject) => {
    const dialog = document.getElementById("lock");
    const field = document.getElementById("token");
    const title = document.getElementById("lock-title");
    title.textContent = refused ? "The server does not take this token" : "This server asks for a token";
    field.value = "";
    document.getElementById("unlock").onsubmit = () => {
      keep(field.value.trim());
      resolve();
    };
    document.getElementById("give-up").onclick = () => dialog.close();
    dialog.onclose = () => {
      asking = null;
      reject(new Refused("the server asks for a token: reload the page to give it"));
    };
    dialog.showModal();
  });
  return asking;
}
