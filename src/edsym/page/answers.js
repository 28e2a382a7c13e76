// What is said of a position, its grain and its phase, and the tables of all phases and grains.

function bars(title, names, values, colours) {
  const rows = names
    .map((name, k) => [name, values[k] / facts.unit, colours ? colours[k] : "#5b7fa6"])
    .filter((row) => row[1] >= 0.005);
  return (
    `<h3>${title}</h3><div class="bars">` +
    rows
      .map(
        ([name, p, colour]) =>
          `<span class="name">${symbol(name)}</span>` +
          `<span class="track"><i style="width:${100 * p}%;background:${colour}"></i></span><span class="value">${percent(p)}</span>`,
      )
      .join("") +
    "</div>"
  );
}

function answerText(title, answer) {
  if (!answer) return `<h2>${title}</h2><p class="note">no answer</p>`;
  const order = [...answer.pSystem.keys()].sort((a, b) => answer.pSystem[b] - answer.pSystem[a]).slice(0, 4);
  const of = (list) => order.map((k) => list[k]);
  return (
    `<h2>${title}</h2>` +
    bars("Crystal system", of(facts.systems), of(answer.pSystem), of(facts.colours)) +
    bars(
      "Space group",
      [...answer.group].map((g) => facts.groups[g]),
      answer.pGroup,
    ) +
    bars(
      "Extinction group",
      [...answer.extinct].slice(0, 2).map((g) => facts.extinction[g]),
      answer.pExtinct,
    )
  );
}

function drawAnswers(p) {
  const grain = facts.grains[data.grain[p]],
    reason = facts.reasons[data.reason[p]];
  let text = answerText("This position", answerAt(p, "position"));
  if (reason && data.system[p] >= 0)
    text += `<p class="warning">Not reliable, unlike what the model was trained on: ${escaped(reason)}</p>`;
  else if (reason) text += `<p class="note">${escaped(reason)}</p>`;
  if (facts.known.length) text += knownText(p);
  if (grain) {
    text +=
      answerText(`Grain ${data.grain[p]}, ${grain.positions} positions`, answerAt(p, "grain")) +
      cellTable(grain);
    const phase = facts.phases[grain.phase];
    if (phase.grains.length > 1) {
      text +=
        answerText(`Phase ${grain.phase}, ${phase.grains.length} grains`, answerAt(p, "phase")) +
        cellTable(phase);
    }
  } else {
    text += '<p class="note">This position is of no grain.</p>';
  }
  $("answers").innerHTML = text;
}

function knownText(p) {
  const title = "<h3>Known phase, by templates</h3>";
  if (data.known[p] < 0) return `${title}<p class="note">no match</p>`;
  const angles = Array.from(data.euler.subarray(3 * p, 3 * p + 3), (v) => v.toFixed(1));
  const share = (name) => (data[name][p] / facts.unit).toFixed(2);
  return (
    `${title}<table><tr><th>${escaped(facts.known[data.known[p]])}</th><td>score ${share("score")}</td></tr>` +
    `<tr><td>φ<sub>1</sub>, Φ, φ<sub>2</sub></td><td>${angles.join(", ")}°</td></tr>` +
    `<tr><td>reliability</td><td>phase ${share("phaseReliability")}, orientation ${share("reliability")}</td></tr></table>`
  );
}

// 4.078(5): the standard deviation in units of the last digit.
function withError(number, error, most) {
  if (!(error > 0)) return number.toFixed(most); // bound by the symmetry
  const digits = Math.min(most, Math.max(0, 1 - Math.floor(Math.log10(error))));
  return `${number.toFixed(digits)}(${Math.round(error * 10 ** digits)})`;
}

function cellTable(crystal) {
  if (!crystal.bravais) return '<h3>Cell</h3><p class="note">none found</p>';
  const cell = (k) => withError(crystal.cell[k], crystal.error[k], k < 3 ? 4 : 2);
  return (
    `<h3>Cell</h3><table><tr><th>${crystal.bravais}</th><td>a ${cell(0)} Å</td><td>α ${cell(3)}°</td></tr><tr><td></td><td>b ${cell(1)} Å</td>` +
    `<td>β ${cell(4)}°</td></tr><tr><td></td><td>c ${cell(2)} Å</td><td>γ ${cell(5)}°</td></tr></table>` +
    `<p class="note">Probability that the lattice is right: ${percent(crystal.lattice)}</p>`
  );
}

// Columns that phases and grains have in common: a head, whether it is a number, and the text.
const SAID = [
  ["crystal system", false, (c) => (c.system < 0 ? "–" : facts.systems[c.system])],
  ["probability", true, (c) => (c.system < 0 ? "–" : percent(confidenceOf(c)))],
  ["space group", false, (c) => (c.system < 0 ? "–" : symbol(facts.groups[c.group[0]]))],
  ["lattice", false, (c) => c.bravais || "–"],
  [
    "a, b, c (Å)",
    false,
    (c) =>
      c.bravais
        ? c.cell
            .slice(0, 3)
            .map((v) => v.toFixed(3))
            .join(", ")
        : "–",
  ],
  [
    "α, β, γ (°)",
    false,
    (c) =>
      c.bravais
        ? c.cell
            .slice(3)
            .map((v) => v.toFixed(1))
            .join(", ")
        : "–",
  ],
  ["probability", true, (c) => (c.bravais ? percent(c.lattice) : "–")],
];

function drawTables() {
  const known = facts.known.length
    ? [["known phase", false, (c) => (c.known ? `${escaped(c.known)} (${c.share.toFixed(0)} %)` : "–")]]
    : [];
  table(
    "phases",
    facts.phases,
    [
      ["phase", false],
      ["grains", true, (c) => c.grains.length],
      ["positions", true, (c) => c.grains.reduce((sum, g) => sum + facts.grains[g].positions, 0)],
      ...SAID,
    ],
    (phase) => facts.grains[phase.grains[0]].brightest,
  );
  table(
    "grains",
    facts.grains,
    [
      ["grain", false],
      ["phase", true, (c) => c.phase],
      ["positions", true, (c) => c.positions],
      ...SAID,
      ...known,
    ],
    (grain) => grain.brightest,
  );
}

// A row for each crystal; a click on it shows a position of it.
function table(id, crystals, columns, positionIn) {
  const cell = (tag, number, text) => `<${tag}${number ? ' class="number"' : ""}>${text}</${tag}>`;
  const head = columns.map(([name, number]) => cell("th", number, name)).join("");
  const body = crystals
    .map(
      (crystal, k) =>
        "<tr>" +
        columns
          .map(([, number, text]) =>
            cell("td", number, text ? text(crystal) : `<button type="button">${k}</button>`),
          )
          .join("") +
        "</tr>",
    )
    .join("");
  $(id).innerHTML = `<thead><tr>${head}</tr></thead><tbody>${body}</tbody>`;
  document.querySelectorAll(`#${id} tbody tr`).forEach((row, k) => {
    row.onclick = () => choose(positionIn(crystals[k]));
  });
}
