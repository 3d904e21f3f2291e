// Requests to the server, and messages about them.

const box = document.getElementById("message");
let timer = 0;

export class Failure extends Error {
  constructor(status, values) {
    super([values.error, values.hint].filter(Boolean).join(". ").replace("..", "."));
    this.status = status;
    this.values = values;
  }
}

export async function request(path, method = "GET", body = undefined) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Failure(0, { error: "visionocr review has ended", hint: "Start it again; your text is still in this page." });
  }
  const values = await response.json();
  if (!response.ok) throw new Failure(response.status, values);
  return values;
}

export function say(text, isBad = false) {
  clearTimeout(timer);
  box.textContent = text;
  box.className = isBad ? "bad" : "";
  box.hidden = false;
  timer = setTimeout(() => { box.hidden = true; }, isBad ? 12000 : 2500);
}

// Runs an action, and shows what went wrong with it.
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    say(error.message, true);
    if (!(error instanceof Failure)) throw error;
    return undefined;
  }
}
