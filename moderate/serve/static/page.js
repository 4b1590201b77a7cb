// The page for a moderator: sends a comment to this server and shows the decision. It talks to nobody else.
"use strict";

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const CHILDREN = new Set([
  "sexism", "racism", "homophobia", "xenophobia", "other_abuse", "commercial_promotion", "personal_promotion",
]);
let info = null; // what is running: thresholds, and the categories in words

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const percent = (share) => `${share > 0 && share < 0.005 ? "<1" : Math.round(100 * share)}%`;
const title = (category) => category[0].toUpperCase() + category.slice(1).replaceAll("_", " ");

async function ask(path, body) {
  const headers = {};
  if ($("key").value) headers["X-API-Key"] = $("key").value;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error("The service cannot be reached. Is it running?");
  }
  if (response.status === 401) {
    $("key-field").hidden = false;
    $("key").focus();
    throw new Error("This service asks for an API key: enter it above, and decide again.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.detail || `The service answered with status ${response.status}.`);
  return answer;
}

async function learn() {
  info = await ask("v1/info");
  const model = info.source === "model" ? `model “${info.model.name || "unnamed"}”` : "rules alone, without a model";
  $("about").textContent = `moderate ${info.version}, ${model}, policy “${info.policy}”`;
}

// The stretches of the text that any reason points at, merged; positions count code points.
function stretches(reasons) {
  const spans = reasons.flatMap((reason) => reason.spans).sort((a, b) => a[0] - b[0]);
  const merged = [];
  for (const [start, end] of spans) {
    const last = merged.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

function showText(text, reasons) {
  const points = Array.from(text); // code points, as the service counts
  const parts = [];
  let position = 0;
  for (const [start, end] of stretches(reasons)) {
    parts.push(points.slice(position, start).join(""), element("mark", points.slice(start, end).join("")));
    position = end;
  }
  parts.push(points.slice(position).join(""));
  $("text").replaceChildren(...parts);
}

function showReasons(decision) {
  const items = decision.categories.map((category) => {
    const item = element("li");
    item.append(element("strong", title(category)), element("span", info.wording[category], "hint"));
    const words = decision.reasons.filter((reason) => reason.category === category).flatMap((reason) => reason.words);
    const unlike = [...new Set(words.map((word) => word.trim()))];
    const shown = unlike.filter((word) => !unlike.some((other) => other !== word && other.includes(word)));
    if (shown.length) {
      const line = element("div", undefined, "words");
      shown.forEach((word, index) => line.append(index ? " " : "", element("mark", word)));
      item.append(line);
    }
    return item;
  });
  $("reasons").replaceChildren(...items);
  $("grounds").hidden = !items.length;
}

function bar(share, limit) {
  const svg = document.createElementNS(SVG, "svg");
  const draw = (name, values) => {
    const shape = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(values)) shape.setAttribute(key, value);
    svg.append(shape);
  };
  svg.setAttribute("class", "bar");
  svg.setAttribute("viewBox", "0 0 100 10");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  draw("rect", { class: "track", width: 100, height: 10 });
  draw("rect", { class: "value", width: 100 * share, height: 10 });
  if (limit <= 1) draw("line", { class: "limit", x1: 100 * limit, x2: 100 * limit, y1: 0, y2: 10 });
  return svg;
}

function showScores(decision) {
  const rows = Object.entries(decision.scores).map(([category, share]) => {
    const limit = info.thresholds[category];
    const row = element("tr");
    if (decision.categories.includes(category) || share >= limit) row.classList.add("broken");
    if (CHILDREN.has(category)) row.classList.add("child");
    const name = element("th", category === "toxic" ? "Toxic in general" : title(category));
    name.scope = "row";
    name.title = info.wording[category];
    const middle = element("td");
    middle.append(bar(share, limit));
    middle.title = limit <= 1 ? `rejects from ${percent(limit)} on` : "never rejects";
    row.append(name, middle, element("td", percent(share), "number"));
    return row;
  });
  $("scores").replaceChildren(...rows);
}

function show(text, decision) {
  const rejected = decision.verdict === "reject";
  $("result").className = decision.verdict;
  $("sign").textContent = rejected ? "✕" : "✓";
  $("verdict").textContent = rejected ? "Reject" : "Approve";
  const breaks = decision.categories.map((category) => title(category).toLowerCase()).join(", ");
  $("why").textContent =
    `A moderator would reject it with a probability of ${percent(decision.score)}.` +
    (rejected ? ` It breaks: ${breaks}.` : "");
  showText(text, decision.reasons);
  showReasons(decision);
  showScores(decision);
  $("source").textContent =
    decision.source === "rules" ? "The rules decided alone: the model knows practically no word of this comment." : "";
  $("result").hidden = false;
  $("result").focus({ preventScroll: true });
  $("banner").scrollIntoView({ block: "nearest" });
}

async function decide(event) {
  event?.preventDefault();
  const text = $("comment").value;
  $("problem").hidden = true;
  $("decide").disabled = true;
  try {
    if (!info) await learn();
    const { decisions } = await ask("v1/classify", { comments: [text] });
    show(text, decisions[0]);
  } catch (error) {
    $("result").hidden = true;
    $("problem").textContent = error.message;
    $("problem").hidden = false;
  } finally {
    $("decide").disabled = false;
  }
}

$("form").addEventListener("submit", decide);
$("comment").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
});
for (const example of document.querySelectorAll("[data-text]")) {
  example.addEventListener("click", () => {
    $("comment").value = example.dataset.text;
    $("form").requestSubmit();
  });
}
learn().catch(() => {}); // it is tried again, and said, with the first comment
