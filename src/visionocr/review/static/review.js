// The review page: list of pages, text, doubts, saving. Texts of documents are only ever set as text.

import { attempt, request, say } from "./server.js";
import { pickLine, showDoubt, showLine, showPicture, showPlaces, turn, zoomBy } from "./picture.js";
import { acceptCard, focusCard, hasEdits, showGrid } from "./grid.js";

const $ = (id) => document.getElementById(id);
const area = $("source-text"), backdrop = $("backdrop"), list = $("list");
const STATUS = { failed: "failed", suspect: "suspect", checked: "checked", blank: "blank", ok: "ok", skipped: "skipped" };
const NONE = { words: [], lines: [], doubts: [], source: "", problem: "" };
const drafts = new Map(); // page -> text that is not saved
const asked = new Map(); // page -> number of the question, or its answer

let pages = [], order = [], current = -1, shown = null, places = NONE, doubt = -1, other = null, isGrid = false;

// --- the list ----------------------------------------------------------------------------------------

const isDoubtful = (page) => page.status === "failed" || page.status === "suspect" || (page.doubts > 0 && page.status !== "checked");
const FILTERS = {
  all: () => true,
  doubtful: isDoubtful,
  failed: (page) => page.status === "failed",
  unchecked: (page) => page.status !== "checked",
  checked: (page) => page.status === "checked",
};

function arrange() {
  order = pages.map((_, number) => number).filter((number) => FILTERS[$("filter").value](pages[number]) || number === current);
  if ($("order").value === "doubt") {
    order.sort((a, b) => pages[a].rank[0] - pages[b].rank[0] || pages[a].rank[1] - pages[b].rank[1] || a - b);
  }
  list.replaceChildren(...order.map((number) => pages[number].button));
  count();
  if (isGrid) showGrid(order, pages, saved);
}

function label(number) {
  const page = pages[number];
  page.button.className = page.status;
  const words = [STATUS[page.status] ?? page.status];
  if (page.doubts && page.status !== "checked") words.push(page.doubts === 1 ? "1 doubt" : `${page.doubts} doubts`);
  if (drafts.has(number)) words.push("edited");
  page.button.lastChild.textContent = words.filter((word) => word && word !== "ok").join(", ");
}

function count() {
  const checked = pages.filter((page) => page.status === "checked").length;
  const doubtful = pages.map((_, number) => number).filter((number) => isDoubtful(pages[number]));
  const ranked = order.filter((number) => isDoubtful(pages[number]));
  const at = ranked.indexOf(current);
  const words = [at >= 0 ? `${at + 1} of ${doubtful.length} doubtful` : `${doubtful.length} doubtful`];
  $("progress").textContent = `${words.concat(`${checked} of ${pages.length} checked`).join(" · ")}`;
}

function step(by) {
  const at = order.indexOf(current) + by;
  if (at < 0 || at >= order.length) say(by > 0 ? "This is the last page." : "This is the first page.");
  else open(order[at]);
}

// --- a page ------------------------------------------------------------------------------------------

async function open(number) {
  keepDraft();
  current = number;
  shown = null;
  area.disabled = true;
  closeOther();
  togglePreview(false);
  const page = await attempt(() => request(`pages/${number}`));
  if (!page || number !== current) return;
  shown = page;
  area.disabled = false;
  area.value = drafts.get(number) ?? page.text;
  area.placeholder = page.status === "failed" ? "This page was not read. Type its text, or ask again (Alt+R)." : "";
  area.setSelectionRange(0, 0);
  area.scrollTop = 0;
  $("title").textContent = page.document || page.file;
  $("title").title = `${page.document} in ${page.file}`;
  $("problem").hidden = true;
  places = NONE;
  doubt = -1;
  showVerdict();
  highlight();
  list.querySelector("[aria-current]")?.removeAttribute("aria-current");
  pages[number].button.setAttribute("aria-current", "page");
  pages[number].button.scrollIntoView({ block: "nearest" });
  list.classList.remove("shown");
  count();
  area.focus({ preventScroll: true });
  showPicture(`pages/${number}/picture`);
  $("image").alt = `${pages[number].label} of the document`;
  showAnswer(number);
  await locate();
  fetchAhead();
}

function fetchAhead() {
  const next = order[order.indexOf(current) + 1];
  if (next !== undefined && !$("problem").textContent) new Image().src = `pages/${next}/picture`;
}

function showVerdict() {
  const status = pages[current].status;
  $("status").textContent = STATUS[status] ?? status;
  $("status").className = `status ${status}`;
  $("findings").textContent = shown.findings && status !== "checked" ? shown.findings : "";
  showEdited();
}

function isEdited() { return shown !== null && area.value !== shown.text; }

function showEdited() { $("edited").textContent = isEdited() ? "not saved" : ""; }

function keepDraft() {
  if (current < 0 || shown === null) return;
  if (isEdited()) drafts.set(current, area.value);
  else drafts.delete(current);
  label(current);
}

// --- places and doubts -------------------------------------------------------------------------------

let pause = 0;

async function locate() {
  const [number, text] = [current, area.value];
  if (!places.lines.length) $("source").textContent = "looking for the words…";
  const found = await attempt(() => request(`pages/${number}/places`, "POST", { text }));
  if (!found || number !== current || text !== area.value) return;
  places = found;
  $("problem").hidden = !found.problem;
  $("problem").textContent = found.problem;
  const from = { "text-layer": "compared with the text layer", "second-reader": "compared with a second reading" };
  $("source").textContent = from[found.source] ?? (found.problem ? "" : found.lines.length ? "" : "places of words are not known");
  if (pages[number].status !== "checked") pages[number].doubts = found.doubts.length;
  label(number);
  count();
  doubt = Math.min(doubt, found.doubts.length - 1);
  showPlaces(places, doubt);
  highlight();
  follow();
}

function highlight() {
  const text = area.value, parts = [];
  let at = 0;
  places.doubts.forEach(({ start, end, kind }, number) => {
    if (start === null || start < at) return;
    parts.push(text.slice(at, start));
    const mark = document.createElement("mark");
    mark.className = `${kind} ${number === doubt ? "now" : ""}`;
    mark.textContent = text.slice(start, end);
    parts.push(mark);
    at = end;
  });
  backdrop.replaceChildren(...parts, `${text.slice(at)}\n`);
  backdrop.scrollTop = area.scrollTop;
  describeDoubt();
}

const WORDS = {
  missing: (each) => `Not in the text: “${each.instead}”`,
  added: (each) => `Not on the page: “${each.text}”`,
  different: (each) => `“${each.text}”: the page has “${each.instead}”`,
  number: (each) => `“${each.text}”: the page has ${each.instead ? `“${each.instead}”` : "no such number"}`,
};

function describeDoubt() {
  const { doubts } = places, each = doubts[doubt];
  $("previous-doubt").disabled = $("next-doubt").disabled = !doubts.length;
  $("doubt").textContent = each ? `${doubt + 1} of ${doubts.length}. ${WORDS[each.kind](each)}`
    : doubts.length ? `${doubts.length} ${doubts.length === 1 ? "doubt" : "doubts"}: F8 goes to the first` : "No doubts";
  $("doubt").title = $("doubt").textContent;
  $("take").hidden = !(each?.instead && each.start !== null);
  $("take").textContent = each ? `Take “${each.instead}”` : "";
}

function goToDoubt(by) {
  const { length } = places.doubts;
  if (!length) return say("There is no doubt on this page.");
  doubt = doubt < 0 ? (by > 0 ? 0 : length - 1) : (doubt + by + length) % length;
  const { start, end } = places.doubts[doubt];
  highlight();
  if (start !== null) {
    togglePreview(false);
    area.focus({ preventScroll: true });
    area.setSelectionRange(start, end);
    scrollTo(backdrop.querySelector("mark.now"));
    follow();
  } else {
    showLine(null);
  }
  showDoubt(doubt);
}

function takeDoubt() {
  const each = places.doubts[doubt];
  if (!each?.instead || each.start === null) return;
  area.focus();
  area.setSelectionRange(each.start, each.end);
  insert(each.instead);
}

// Keeps the browser's undo, which setting the value would lose.
function insert(text) {
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    edited();
  }
}

function scrollTo(mark) {
  if (!mark) return;
  const [top, height] = [mark.offsetTop, area.clientHeight];
  if (top < area.scrollTop + 30 || top > area.scrollTop + height - 60) area.scrollTop = top - height / 3;
  backdrop.scrollTop = area.scrollTop;
}

// The line under the cursor, in the picture.
function follow() {
  const at = area.selectionStart;
  let best = null, least = 200;
  for (const [start, end, line] of places.words) {
    const distance = at < start ? start - at : Math.max(0, at - end);
    if (distance < least) [best, least] = [line, distance];
    if (start > at) break;
  }
  showLine(best);
}

pickLine((line) => {
  const word = places.words.find((each) => each[2] === line);
  if (!word) return say("No words of the text stand in this line.");
  togglePreview(false);
  area.focus({ preventScroll: true });
  area.setSelectionRange(word[0], word[0]);
  const range = document.createRange();
  const marker = document.createElement("i");
  placeMarker(marker, word[0], range);
  scrollTo(marker);
  marker.remove();
  backdrop.normalize();
  follow();
});

// An element in the backdrop where the text's character *offset* stands: textareas do not tell.
function placeMarker(marker, offset, range) {
  const walker = document.createTreeWalker(backdrop, NodeFilter.SHOW_TEXT);
  let left = offset, node;
  while ((node = walker.nextNode())) {
    if (left <= node.length) {
      range.setStart(node, left);
      range.insertNode(marker);
      return;
    }
    left -= node.length;
  }
}

function edited() {
  places = { ...places, words: [], doubts: [] }; // their offsets are not true any more
  doubt = -1;
  highlight();
  showEdited();
  clearTimeout(pause);
  pause = setTimeout(locate, 350);
}

// --- saving ------------------------------------------------------------------------------------------

function saved(number, reply) {
  Object.assign(pages[number], { status: reply.status, doubts: 0 }); // its place in the list stays until it is arranged anew
  drafts.delete(number);
  label(number);
  count();
}

async function save(text = area.value) {
  if (!shown) return false;
  const [number, page] = [current, shown];
  $("save").disabled = $("accept").disabled = true;
  try {
    const reply = await request(`pages/${number}`, "PUT", { text, mark: page.mark });
    Object.assign(page, { text: reply.text, mark: reply.mark });
    saved(number, reply);
    if (number === current) {
      if (area.value === text) setText(reply.text);
      showVerdict();
      showPlaces(places, doubt);
    }
    say("Saved.");
    return true;
  } catch (error) {
    if (error.status === 409 && error.values.mark) {
      say(error.message, true);
      showOther("In the file now", [[false, error.values.text]], error.values.text, () => { page.mark = error.values.mark; page.text = error.values.text; showEdited(); });
    } else {
      say(error.message, true);
      if (error.status === undefined) throw error;
    }
    return false;
  } finally {
    $("save").disabled = $("accept").disabled = false;
  }
}

function setText(text) {
  if (area.value === text) return;
  area.value = text;
  edited();
}

async function accept() {
  if (isGrid) return acceptCard();
  if (!area.value.trim()) return say("There is no text. Alt+B says that the page is blank.", true);
  const after = order[order.indexOf(current) + 1];
  if (await save()) {
    if (after === undefined) say("Saved. This was the last page.");
    else open(after);
  }
}

async function markBlank() {
  if (!shown || isGrid) return;
  if (area.value.trim() && !confirm("Remove the text of this page and save it as blank?")) return;
  if (await save("")) setText("");
}

// --- another text beside this one --------------------------------------------------------------------

function showOther(title, parts, text, settle) {
  other = { text, settle };
  $("other-title").textContent = title;
  $("other-text").replaceChildren(...parts.map(([isNew, part]) => {
    const element = document.createElement(isNew ? "mark" : "span");
    element.textContent = part;
    return element;
  }));
  $("other").hidden = false;
  $("pages-view").classList.add("comparing");
}

function closeOther() {
  other = null;
  $("other").hidden = true;
  $("pages-view").classList.remove("comparing");
}

function settleOther(isUsed) {
  if (!other) return;
  const { text, settle } = other;
  settle();
  closeOther();
  togglePreview(false);
  area.focus();
  if (isUsed) {
    area.select();
    insert(text);
    area.setSelectionRange(0, 0);
    area.scrollTop = 0;
  }
}

let choices = null;

async function chooseQuestion() {
  if (!shown || isGrid) return;
  choices ??= await attempt(() => request("choices"));
  if (!choices) return;
  if (!$("ask-task").length) {
    const option = (value) => Object.assign(document.createElement("option"), { value, textContent: value });
    $("ask-preset").append(...choices.presets.map(option));
    $("ask-task").append(...choices.tasks.map(option));
    $("ask-task").value = choices.task;
  }
  $("ask-dialog").showModal();
}

async function ask() {
  const number = current;
  const values = {
    preset: $("ask-preset").value, task: $("ask-task").value,
    max_side: $("ask-side").valueAsNumber || null, seed: $("ask-seed").valueAsNumber || null,
  };
  const begun = await attempt(() => request(`pages/${number}/ask`, "POST", values));
  if (!begun) return;
  asked.set(number, begun.answer);
  if (number === current) showAnswer(number);
  let answer;
  do {
    try {
      answer = await request(`answers/${begun.answer}`);
    } catch (error) {
      answer = { error: error.message };
    }
  } while (answer.waiting);
  if (asked.get(number) !== begun.answer) return;
  asked.set(number, answer);
  if (number === current) showAnswer(number);
  else say(`The answer for ${pages[number].label} is there.`);
}

function showAnswer(number) {
  const answer = asked.get(number);
  if (answer === undefined) return;
  const drop = () => asked.delete(number);
  if (typeof answer === "number") return showOther("The model is reading the page…", [], area.value, drop);
  if (answer.error) {
    drop();
    closeOther();
    return say(answer.error, true);
  }
  const found = answer.findings.length ? `: ${answer.findings.join(" ")}` : "";
  showOther(`${answer.model || "New answer"}, ${answer.seconds} s, ${answer.status}${found}`, answer.parts, answer.text, drop);
}

// --- preview -----------------------------------------------------------------------------------------

async function togglePreview(isOn = $("rendering").hidden) {
  $("preview").setAttribute("aria-pressed", String(isOn));
  if (!isOn) {
    $("rendering").hidden = true;
    return;
  }
  const reply = await attempt(() => request("preview", "POST", { text: area.value }));
  if (!reply) return;
  $("rendering").innerHTML = reply.html; // made by the server without raw HTML, links and pictures
  $("rendering").hidden = false;
  $("rendering").focus();
}

// --- keys --------------------------------------------------------------------------------------------

const zoom = (factor) => () => zoomBy(factor);
const KEYS = [
  ["Ctrl+Enter", "accept, and go on", accept], ["Ctrl+S", "save", () => (isGrid ? acceptCard(0) : save())],
  ["Alt+ArrowDown", "next page", () => (isGrid ? focusCard(1) : step(1))],
  ["Alt+ArrowUp", "page before", () => (isGrid ? focusCard(-1) : step(-1))],
  ["F8", "next doubt", () => goToDoubt(1)], ["Shift+F8", "doubt before", () => goToDoubt(-1)],
  ["Alt+Y", "take the page's word", takeDoubt], ["Alt+B", "the page is blank", markBlank],
  ["Alt+R", "ask again", chooseQuestion],
  ["Alt+U", "use the other text", () => settleOther(true)], ["Escape", "keep this text", () => settleOther(false)],
  ["Alt+P", "preview", () => togglePreview()], ["F6", "picture or text", switchPane],
  ["Alt+=", "larger", zoom(1.25)], ["Alt+-", "smaller", zoom(0.8)], ["Alt+0", "whole width", zoom(0)],
  ["Alt+T", "turn the picture", turn], ["Alt+O", "order of pages", () => cycle("order")],
  ["Alt+V", "which pages to show", () => cycle("filter")], ["F2", "list of pages", () => list.classList.toggle("shown")],
  ["Alt+G", "captions in a grid", () => !$("grid-button").hidden && toggleGrid()], ["F1", "this help", showHelp],
];
const CODES = { Equal: "=", NumpadAdd: "=", Minus: "-", NumpadSubtract: "-", Digit0: "0", Numpad0: "0" };
const PLAIN = { "+": "Alt+=", "=": "Alt+=", "-": "Alt+-", 0: "Alt+0", "?": "F1" };

function nameKey(event) {
  const main = event.altKey || event.ctrlKey || event.metaKey
    ? CODES[event.code] ?? (event.code.startsWith("Key") ? event.code.slice(3) : event.key) : event.key;
  const modifiers = [["Ctrl", event.ctrlKey || event.metaKey], ["Alt", event.altKey], ["Shift", event.shiftKey && main.length > 1]];
  return modifiers.filter(([, isHeld]) => isHeld).map(([name]) => `${name}+`).join("") + main;
}

addEventListener("keydown", (event) => {
  if (event.isComposing || document.querySelector("dialog[open]")) return;
  const isTyping = ["TEXTAREA", "INPUT", "SELECT"].includes(event.target.tagName);
  const name = nameKey(event);
  const plain = isTyping || event.ctrlKey || event.metaKey ? undefined : PLAIN[event.key];
  const action = KEYS.find(([key]) => key === (plain ?? name));
  if (!action || (!other && ["Escape", "Alt+U"].includes(action[0]))) return; // they may mean something else
  event.preventDefault();
  action[2]();
});

function switchPane() {
  (document.activeElement === $("view") ? area : $("view")).focus();
}

function cycle(id) {
  const select = $(id);
  select.selectedIndex = (select.selectedIndex + 1) % select.length;
  arrange();
  say(`Pages: ${select.selectedOptions[0].textContent}`);
}

const SHOWN = { ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc", "=": "+" };

function showHelp() {
  $("keys").replaceChildren(...[...KEYS, ["Ctrl+wheel", "zoom"], ["drag, click", "move the picture, go to a line"]].flatMap(([key, words]) => {
    const term = document.createElement("dt"), meaning = document.createElement("dd"), kbd = document.createElement("kbd");
    kbd.textContent = key.replace(/ArrowDown|ArrowUp|Escape|=$/, (name) => SHOWN[name]);
    term.append(kbd);
    meaning.textContent = words;
    return [term, meaning];
  }));
  $("help").showModal();
}

// --- start -------------------------------------------------------------------------------------------

function toggleGrid(isOn = !isGrid) {
  keepDraft();
  isGrid = isOn;
  $("grid-view").hidden = !isOn;
  $("pages-view").hidden = isOn;
  $("grid-button").textContent = isOn ? "One page" : "Grid";
  if (isOn) attempt(() => showGrid(order, pages, saved));
  else if (order.length) open(current < 0 ? order[0] : current);
}

async function end() {
  keepDraft();
  if ((drafts.size || hasEdits()) && !confirm("Some texts are not saved. End all the same?")) return;
  if (await attempt(() => request("done", "POST", {})) === undefined) return;
  drafts.clear();
  shown = null;
  document.body.replaceChildren(Object.assign(document.createElement("p"), { id: "ended", textContent: "visionocr review has ended. This page can be closed." }));
}

area.addEventListener("input", edited);
area.addEventListener("scroll", () => { backdrop.scrollTop = area.scrollTop; });
document.addEventListener("selectionchange", () => { if (document.activeElement === area) follow(); });
addEventListener("beforeunload", (event) => {
  keepDraft();
  if (drafts.size || hasEdits()) event.preventDefault();
});
const CLICKS = {
  accept, save: () => save(), blank: markBlank, take: takeDoubt, preview: () => togglePreview(),
  ask: chooseQuestion, "next-doubt": () => goToDoubt(1), "previous-doubt": () => goToDoubt(-1),
  "other-use": () => settleOther(true), "other-drop": () => settleOther(false), "help-button": showHelp,
  "list-button": () => list.classList.toggle("shown"), "grid-button": () => toggleGrid(), "done-button": end,
};
for (const [id, action] of Object.entries(CLICKS)) $(id).onclick = action;
$("order").onchange = $("filter").onchange = arrange;
$("ask-dialog").addEventListener("close", () => { if ($("ask-dialog").returnValue === "ask") ask(); });

await attempt(async () => {
  const found = await request("pages");
  pages = found.pages;
  pages.forEach((page, number) => {
    page.button = document.createElement("button");
    const name = document.createElement("span"), note = document.createElement("span");
    name.className = "name";
    note.className = "note";
    name.textContent = page.label;
    if (page.document) name.append(document.createElement("br"), Object.assign(document.createElement("small"), { textContent: page.document }));
    page.button.title = [page.document, page.label].filter(Boolean).join(", ");
    page.button.append(name, note);
    page.button.onclick = () => open(number);
    label(number);
  });
  $("grid-button").hidden = !found.captions;
  arrange();
  if (found.captions) toggleGrid(true);
  else await open(order[0]);
});
