// The exported model, run by onnxruntime-web from the folder `runtime`.
const RUNS = 20;
const SHOWN = 5;
const at = (id) => document.getElementById(id);

function say(text, state) {
  at("state").textContent = text;
  at("state").className = state;
  document.documentElement.dataset.state = state;
}

// --- reading clips -------------------------------------------------------------------------------

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function readNpy(buffer) {
  const view = new DataView(buffer);
  const magic = String.fromCharCode(...new Uint8Array(buffer, 0, 6));
  if (magic !== "\x93NUMPY") throw new Error("this is no .npy file");
  const wide = view.getUint8(6) > 1;
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder("latin1").decode(new Uint8Array(buffer, start, length));
  const type = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1].split(",").filter((n) => n.trim()).map(Number);
  const sizes = { "<f2": 2, "<f4": 4, "<f8": 8 };
  if (!sizes[type] || !shape || !/'fortran_order':\s*False/.test(header)) {
    throw new Error(`numbers of type ${type} cannot be read: float16, float32 or float64 is wanted`);
  }
  const count = shape.reduce((product, n) => product * n, 1);
  const first = start + length;
  if (buffer.byteLength - first < count * sizes[type]) throw new Error("the .npy file is cut off");
  const values = new Float32Array(count);
  for (let n = 0; n < count; n++) {
    const place = first + n * sizes[type];
    if (type === "<f2") values[n] = half(view.getUint16(place, true));
    else values[n] = type === "<f4" ? view.getFloat32(place, true) : view.getFloat64(place, true);
  }
  return { shape, values };
}

export function readJson(text) {
  const found = JSON.parse(text);
  const nested = Array.isArray(found) ? found : found.keypoints;
  const shape = [nested?.length, nested?.[0]?.length, nested?.[0]?.[0]?.length];
  const flat = nested?.flat(2);
  if (!shape.every(Boolean) || flat.length !== shape[0] * shape[1] * shape[2]) {
    throw new Error("a list of frames, each a list of points, each a list of numbers is wanted");
  }
  const values = Float32Array.from(flat, (value) => (value === null ? NaN : value));
  return { shape, values, width: found.width ?? 0, height: found.height ?? 0 };
}

function decoded(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

// --- the model -----------------------------------------------------------------------------------

class Runner {
  constructor(ort, session, page) {
    Object.assign(this, { ort, session, page });
    this.raw = page.model.input === "keypoints";
    this.classes = page.gallery && decoded(page.gallery.vectors);
  }

  checked(clip) {
    const { points, channels } = this.page;
    const [frames, found, width] = clip.shape;
    if (clip.shape.length !== 3 || !frames || found !== points || width !== channels.length) {
      throw new Error(`(frames, ${points}, ${channels.length}) is wanted, not (${clip.shape.join(", ")})`);
    }
    return clip;
  }

  async run(clip) {
    const { Tensor } = this.ort;
    const tensor = new Tensor("float32", clip.values, [1, ...clip.shape]);
    const size = new Tensor("float32", Float32Array.of(clip.width ?? 0, clip.height ?? 0), [2]);
    const begin = performance.now();
    const found = await this.session.run(this.raw ? { keypoints: tensor, size } : { points: tensor });
    const output = Object.values(found)[0].data;
    return { output, ms: performance.now() - begin };
  }

  async measure(clip, runs = RUNS) {
    const times = [];
    still = true;
    try {
      for (let n = 0; n < 3; n++) await this.run(clip);
      for (let n = 0; n < runs; n++) times.push((await this.run(clip)).ms);
    } finally {
      still = false;
    }
    times.sort((one, other) => one - other);
    return { median: (times[(runs - 1) >> 1] + times[runs >> 1]) / 2, best: times[0], times };
  }

  nearest(output) {
    const { model, gallery } = this.page;
    if (model.gives === "scores") {
      const most = Math.max(...output);
      const shares = Array.from(output, (score) => Math.exp(score - most));
      const sum = shares.reduce((total, share) => total + share, 0);
      return model.labels
        .map((label, n) => ({ label, value: shares[n] / sum }))
        .sort((one, other) => other.value - one.value)
        .slice(0, SHOWN);
    }
    if (!gallery) return [];
    const best = new Map();
    gallery.labels.forEach((label, row) => {
      let square = 0;
      for (let n = 0; n < output.length; n++) {
        square += (output[n] - this.classes[row * output.length + n]) ** 2;
      }
      const value = Math.sqrt(square);
      if (!(best.get(label) <= value)) best.set(label, value);
    });
    return [...best]
      .map(([label, value]) => ({ label, value }))
      .sort((one, other) => one.value - other.value)
      .slice(0, SHOWN);
  }
}

// --- what is seen --------------------------------------------------------------------------------

let drawing = 0;
let still = false;

function draw(clip, edges) {
  const [frames, points, channels] = clip.shape;
  const place = (frame, point) => {
    const first = (frame * points + point) * channels;
    const [x, y] = [clip.values[first], clip.values[first + 1]];
    return Number.isNaN(x) || (x === 0 && y === 0) ? null : [x * (clip.width || 1), y * (clip.height || 1)];
  };
  const all = [];
  for (let f = 0; f < frames; f++) for (let p = 0; p < points; p++) all.push(place(f, p));
  const known = all.filter(Boolean);
  const canvas = at("picture");
  const pen = canvas.getContext("2d");
  const low = [0, 1].map((axis) => known.reduce((least, p) => Math.min(least, p[axis]), Infinity));
  const high = [0, 1].map((axis) => known.reduce((most, p) => Math.max(most, p[axis]), -Infinity));
  const scale = 0.86 * Math.min(...[0, 1].map(
    (axis) => [canvas.width, canvas.height][axis] / Math.max(high[axis] - low[axis], 1e-6)));
  const put = ([x, y]) => [
    canvas.width / 2 + (x - (low[0] + high[0]) / 2) * scale,
    canvas.height / 2 + (y - (low[1] + high[1]) / 2) * scale,
  ];
  cancelAnimationFrame(drawing);
  const begin = performance.now();
  const step = (now) => {
    drawing = requestAnimationFrame(step);
    if (still) return;
    const frame = Math.floor(((now - begin) / 1000) * (clip.fps || 25)) % frames;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.strokeStyle = "#4878cf";
    pen.fillStyle = "#d1495b";
    pen.lineWidth = 2;
    for (const [from, to] of edges) {
      const ends = [all[frame * points + from], all[frame * points + to]];
      if (!ends.every(Boolean)) continue;
      pen.beginPath();
      pen.moveTo(...put(ends[0]));
      pen.lineTo(...put(ends[1]));
      pen.stroke();
    }
    for (let p = 0; p < points; p++) {
      const where = all[frame * points + p];
      if (!where) continue;
      pen.beginPath();
      pen.arc(...put(where), 2.2, 0, 7);
      pen.fill();
    }
  };
  if (known.length) drawing = requestAnimationFrame(step);
}

function show(found, ms, runner) {
  const rows = found.map(({ label, value }) => {
    const row = document.createElement("tr");
    const [name, number] = [document.createElement("td"), document.createElement("td")];
    name.textContent = label;
    name.dir = "auto";
    number.textContent = runner.page.model.gives === "scores" ? `${(value * 100).toFixed(1)} %` : value.toFixed(3);
    row.append(name, number);
    return row;
  });
  at("found").tBodies[0].replaceChildren(...rows);
  at("time").textContent = `${ms.toFixed(1)} ms`;
}

async function recognise(runner, clip) {
  runner.checked(clip);
  runner.clip = clip;
  draw(clip, runner.page.edges);
  const from = clip.name ? `${clip.name}: ` : "";
  at("clip").textContent = `${from}${clip.shape[0]} frames`;
  const { output, ms } = await runner.run(clip);
  runner.found = runner.nearest(output);
  runner.output = output;
  show(runner.found, ms, runner);
  at("measure").disabled = false;
}

function describe({ model, points, channels, gallery, example }) {
  const output = model.gives === "scores" ? `${model.labels.length} classes` : model.gives;
  document.title = model.name;
  at("name").textContent = model.name;
  at("about").textContent = `${model.description ? `${model.description}. ` : ""}${model.model}, ${output}, ` +
    (model.input === "keypoints" ? `keypoints of ${model.layout}` : `normalised points of ${model.layout}`);
  at("expected").textContent = `(frames, ${points}, ${channels.length}): ${channels.join(", ")} of ${model.layout}` +
    `; ${model.missing} where a point is missing`;
  at("size").hidden = model.input !== "keypoints";
  at("example").hidden = !example;
  at("found").hidden = model.gives !== "scores" && !gallery;
  at("measured").textContent = model.gives === "scores" ? "probability" : "distance";
  at("terms").textContent = `Learned from ${model.sources.map((each) => each.dataset).join(", ")}` +
    ` (${model.licences.join(", ")}); weights ${model.weights.slice(0, 16)}.`;
}

async function start() {
  const page = await (await fetch("page.json")).json();
  describe(page);
  let ort;
  try {
    ort = await import("./runtime/ort.wasm.min.mjs");
  } catch {
    throw new Error(
      "The runtime is not in this folder. Get it with `npm pack onnxruntime-web`, unpack it, and put " +
      `${page.runtime.join(", ")} from its folder dist into runtime/ beside this page.`);
  }
  // Threads wait for each other in a busy loop: with other work on the same cores, more are slower.
  const spare = Math.max(1, Math.min(4, navigator.hardwareConcurrency >> 1));
  ort.env.wasm.numThreads = crossOriginIsolated ? spare : 1;
  const session = await ort.InferenceSession.create("model.onnx", { executionProviders: ["wasm"] });
  const runner = new Runner(ort, session, page);
  const example = page.example && {
    ...page.example,
    values: decoded(page.example.values),
  };
  const guarded = (work) => async (...given) => {
    try {
      await work(...given);
      say(ready, "ready");
    } catch (error) {
      say(error.message, "failed");
    }
  };
  const threads = ort.env.wasm.numThreads;
  const ready = `Ready: WASM on ${threads} thread${threads === 1 ? "" : "s"}.`;
  at("file").addEventListener("change", guarded(async ({ target }) => {
    const [file] = target.files;
    if (!file) return;
    const clip = file.name.toLowerCase().endsWith(".npy")
      ? readNpy(await file.arrayBuffer())
      : readJson(await file.text());
    clip.name = file.name;
    clip.width ||= Number(at("width").value);
    clip.height ||= Number(at("height").value);
    await recognise(runner, clip);
  }));
  at("example").addEventListener("click", guarded(() => recognise(runner, example)));
  at("measure").addEventListener("click", guarded(async () => {
    const { median, best } = await runner.measure(runner.clip);
    at("time").textContent = `${median.toFixed(1)} ms, median of ${RUNS} runs; best ${best.toFixed(1)} ms`;
  }));
  if (example) await recognise(runner, example);
  window.signEtl = runner;
  say(ready, "ready");
}

start().catch((error) => say(error.message, "failed"));
