// Captions of pictures, many at a time.

import { attempt, request, say } from "./server.js";

const grid = document.getElementById("grid-view");
const cards = new Map(); // page -> its card
let known = null, onSaved = () => {};

export async function showGrid(order, pages, saved) {
  onSaved = saved;
  known ??= await request("texts");
  for (const number of order) if (!cards.has(number)) cards.set(number, makeCard(number, pages[number]));
  for (const number of order) cards.get(number).show(pages[number].status);
  grid.replaceChildren(...order.map((number) => cards.get(number).element));
  if (!grid.contains(document.activeElement)) grid.querySelector("textarea")?.focus();
}

export function focusCard(by) {
  const areas = [...grid.querySelectorAll("textarea")];
  const next = areas[areas.indexOf(document.activeElement) + by];
  if (!next) return say(by > 0 ? "This is the last picture." : "This is the first picture.");
  next.focus();
  next.closest(".card").scrollIntoView({ block: "nearest" });
}

export async function acceptCard(by = 1) {
  const card = [...cards.values()].find(({ element }) => element.contains(document.activeElement));
  if (card && await attempt(() => card.save()) && by) focusCard(by);
}

function make(tag, name, words = "") {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = words;
  return element;
}

function makeCard(number, page) {
  const element = make("article", "card"), head = make("div", "head");
  const frame = make("div", "frame"), image = make("img", ""), area = make("textarea", "");
  const name = make("span", "name", page.label), status = make("span", "status");
  image.loading = "lazy";
  image.src = `pages/${number}/thumbnail`;
  image.alt = page.label;
  area.value = known[number].text;
  area.setAttribute("aria-label", `Caption of ${page.label}`);
  name.title = page.label;
  frame.append(image);
  head.append(name, status);
  element.append(frame, head, area);
  const show = (word) => {
    status.textContent = area.value === known[number].text ? word : "not saved";
    status.className = `status ${word}`;
  };
  area.addEventListener("input", () => show(page.status));
  const save = async () => {
    const text = area.value;
    try {
      const reply = await request(`pages/${number}`, "PUT", { text, mark: known[number].mark });
      known[number] = reply;
      if (area.value === text) area.value = reply.text;
      onSaved(number, reply);
      show(reply.status);
      return true;
    } catch (error) {
      if (error.status === 409 && error.values.mark) {
        known[number] = error.values; // shown in the message; saving again replaces it
        error.message += ` In the file now: “${error.values.text}”`;
      }
      throw error;
    }
  };
  return { element, show, save, isEdited: () => area.value !== known[number].text };
}

export function hasEdits() {
  return [...cards.values()].some((card) => card.isEdited());
}
