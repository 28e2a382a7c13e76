// The page of a map: what is shown of a position is taken from the arrays when it is asked for.
"use strict";

const $ = (id) => document.getElementById(id);
const facts = JSON.parse($("facts").textContent);
const [rows, columns] = facts.shape;
const n = rows * columns;
// Okabe and Ito's and Tol's muted colours, which the colour-blind tell apart.
const KINDS = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#d55e00",
  "#56b4e9",
  "#f0e442",
  "#999933",
  "#882255",
  "#44aa99",
  "#aa4499",
  "#ddcc77",
];
const OTHER = "#8a8f98",
  NOTHING = "#000000";
const TYPES = {
  i1: Int8Array,
  u1: Uint8Array,
  i2: Int16Array,
  u2: Uint16Array,
  i4: Int32Array,
  u4: Uint32Array,
  f4: Float32Array,
};
const FONT = { family: "system-ui, sans-serif", size: 13 };
const touch = matchMedia("(pointer: coarse), (max-width: 760px)").matches; // a finger that scrolls should not zoom
const CONFIG = {
  responsive: true,
  displaylogo: false,
  displayModeBar: !touch,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
};
const percent = (p) => `${(100 * p).toFixed(p < 0.0995 ? 1 : 0)} %`;
const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;");
const symbol = (text) =>
  escaped(text).replace(/ /g, ", ").replace(/_(\d)/g, "<sub>$1</sub>").replace(/-(\d)/g, "$1\u0305");

let data,
  imageOf,
  chosen,
  reflection = null;

async function unpacked(id) {
  const text = Uint8Array.from(atob($(id).textContent), (c) => c.charCodeAt(0));
  $(id).remove();
  return new Response(new Blob([text]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function start() {
  $("title").textContent = facts.name;
  if (typeof DecompressionStream === "undefined") {
    $("about").textContent = "This page needs a browser of 2023 or newer.";
    return;
  }
  const script = document.createElement("script");
  script.textContent = new TextDecoder().decode(await unpacked("plotly"));
  document.head.append(script);
  const buffer = await unpacked("arrays");
  data = Object.fromEntries(
    Object.entries(facts.arrays).map(([name, [kind, place, size]]) => [
      name,
      new TYPES[kind](buffer, place, size),
    ]),
  );
  imageOf = new Map(Array.from(data.imaged || [], (position, k) => [position, k]));
  const answered = data.system.reduce((sum, system) => sum + (system >= 0), 0);
  $("about").textContent =
    `${rows} × ${columns} positions at ${facts.energy} keV; model ${facts.model}: ` +
    `${answered} positions with an answer, ${facts.grains.length} grains, ${facts.phases.length} phases. Click a position for its pattern.`;
  for (const [name, layer] of Object.entries(LAYERS)) {
    if (!layer.hidden) $("layer").add(new Option(layer.title, name));
  }
  for (const id of ["layer", "by", "dim"]) $(id).onchange = drawMap;
  $("brightness").oninput = () => $("pattern").style.setProperty("--brightness", $("brightness").value);
  drawTables();
  chosen = facts.grains.length
    ? facts.grains[0].brightest
    : data.darkField.indexOf(Math.max(...data.darkField));
  await drawMap();
  await choose(chosen);
  $("map").on("plotly_click", ({ event }) => choose(positionOf(event)));
  document.addEventListener("keydown", walk);
  document.body.dataset.ready = "yes";
}

// By the mouse's place: the points that plotly tells are those of the last hovering, up to 50 ms ago.
function positionOf({ clientX, clientY }) {
  const { xaxis, yaxis } = $("map")._fullLayout,
    { left, top } = $("map").getBoundingClientRect();
  const column = Math.round(xaxis.p2d(clientX - left - xaxis._offset));
  const row = Math.round(yaxis.p2d(clientY - top - yaxis._offset));
  return Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1);
}

function walk(event) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!step || /INPUT|SELECT/.test(event.target.tagName)) return;
  const row = Math.floor(chosen / columns) + step[0],
    column = (chosen % columns) + step[1];
  if (row < 0 || column < 0 || row >= rows || column >= columns) return;
  event.preventDefault();
  choose(row * columns + column);
}
