// What the maps show of a position, of its grain and of its phase.

// What a position, its grain or its phase answers; null where there is no answer.

function crystalAt(p, by = $("by").value) {
  const grain = facts.grains[data.grain[p]];
  return by === "phase" && grain ? facts.phases[grain.phase] : grain;
}

function answerAt(p, by = $("by").value) {
  if (by !== "position") {
    const crystal = crystalAt(p, by);
    return crystal && crystal.system >= 0 ? crystal : null;
  }
  if (data.system[p] < 0) return null;
  const [best, systems] = [p * facts.best, p * facts.systems.length];
  const part = (name, first, size) => data[name].subarray(first, first + size);
  return {
    system: data.system[p],
    pSystem: part("pSystem", systems, facts.systems.length),
    group: part("group", best, facts.best),
    pGroup: part("pGroup", best, facts.best),
    extinct: part("extinct", best, facts.best),
    pExtinct: part("pExtinct", best, facts.best),
  };
}

const confidenceOf = (answer) => answer.pSystem[answer.system] / facts.unit;
const value = (number, digits) => (Number.isFinite(number) ? number.toFixed(digits) : "–");

function cellText(grain) {
  const lengths = grain.cell
    .slice(0, 3)
    .map((v) => value(v, 3))
    .join(", ");
  return `${grain.bravais} (${percent(grain.lattice)}): ${lengths} Å; ${grain.cell
    .slice(3)
    .map((v) => value(v, 1))
    .join(", ")}°`;
}

function phaseText(p) {
  return `${facts.known[data.known[p]]}, score ${(data.score[p] / facts.unit).toFixed(2)}`;
}

// The maps. Of kinds, value() is the name of a kind; of others, a number. Both are null where there is nothing.

const ALL = ["position", "grain", "phase"];
const LAYERS = {
  system: {
    title: "Crystal system",
    by: ALL,
    colours: Object.fromEntries(facts.systems.map((system, k) => [system, facts.colours[k]])),
    value: (p) => {
      const a = answerAt(p);
      return a && facts.systems[a.system];
    },
    text: (p) => {
      const a = answerAt(p);
      return `${facts.systems[a.system]}, ${percent(confidenceOf(a))}`;
    },
    note: "The most probable crystal system. Black: fewer than five spots.",
  },
  confidence: {
    title: "Confidence",
    by: ALL,
    scale: "Cividis",
    range: [0, 1],
    unit: "probability",
    value: (p) => {
      const a = answerAt(p);
      return a && confidenceOf(a);
    },
    note: "Calibrated probability of the most probable crystal system.",
  },
  extinction: {
    title: "Extinction group",
    by: ALL,
    symbols: true,
    value: (p) => {
      const a = answerAt(p);
      return a && facts.extinction[a.extinct[0]];
    },
    text: (p) => {
      const a = answerAt(p);
      return `${facts.extinction[a.extinct[0]]}, ${percent(a.pExtinct[0] / facts.unit)}`;
    },
    note: "The most probable group of space groups with the same Laue symmetry and the same absences, named by its members.",
  },
  darkField: {
    title: "Virtual dark field",
    scale: "Greys_r",
    unit: "root of intensity",
    value: (p) => Math.sqrt(data.darkField[p]),
    text: (p) => `intensity ${data.darkField[p].toPrecision(3)}`,
    note: "Intensity of all Bragg spots that the model is given, in the units of the images.",
  },
  grains: {
    title: "Grains",
    kindsOf: (p) => data.grain[p] % KINDS.length,
    noLegend: true,
    value: (p) => (data.grain[p] < 0 ? null : data.grain[p]),
    text: (p) => `grain ${data.grain[p]}`,
    note: "Neighbours whose patterns have the same spots. Colours repeat.",
  },
  cell: {
    title: "Cell",
    by: ["grain", "phase"],
    value: (p) => crystalAt(p)?.bravais ?? null,
    text: (p) => cellText(crystalAt(p)),
    note: "Bravais lattice of the cell of each grain or phase. Point at a position for the cell and how probably it is right.",
  },
  phase: {
    title: "Known phase",
    hidden: !facts.known.length,
    value: (p) => facts.known[data.known[p]] ?? null,
    text: phaseText,
    note: "The best of the candidate phases, by templates. Black: none has a score that is good enough, or spots are too few.",
  },
  zone: {
    title: "Zone axis of the known phase",
    hidden: !facts.known.length,
    value: (p) => (data.known[p] < 0 ? null : Array.from(data.zone.subarray(3 * p, 3 * p + 3))),
    text: phaseText,
    image: true,
    note: "Red, green and blue are the parts of the zone axis along x, y and z of the crystal (a along x, c* along z), of all equivalent ones the one in the fundamental sector.",
  },
  score: {
    title: "Score of the known phase",
    hidden: !facts.known.length,
    scale: "Cividis",
    range: [0, 1],
    unit: "correlation",
    value: (p) => (data.known[p] < 0 ? null : data.score[p] / facts.unit),
    text: phaseText,
    note: "Correlation of the measured and the predicted spots.",
  },
  reflection: {
    title: "Virtual dark field of a spot",
    hidden: true,
    scale: "Greys_r",
    unit: "root of share of beam",
    value: (p) => Math.sqrt(reflection.image[p]),
    text: (p) => `${percent(reflection.image[p])} of the beam`,
    note: "",
  },
};
