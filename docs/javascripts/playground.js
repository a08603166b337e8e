// The playground: two runtimes with both tracks' models, and what a visitor draws, sets and drags.
const TRACKS = ["torch", "keras:tensorflow"], COLOURS = ["var(--torch)", "var(--keras)"];
const SIDE = 28, BOX = 20, FIRST = 4;  // the test image of which both models are surest
const at = (id, selector) => document.querySelector(`#${id} ${selector}`);

// === Files: base64 of gzip, for a page opened as a file may fetch nothing else ===

async function unpack(name) {
  const stored = await fetch(`data:application/gzip;base64,${packed[name]}`);
  return new Response(stored.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
const bytes = async name => new Uint8Array(await unpack(name));
const json = async name => JSON.parse(new TextDecoder().decode(await unpack(name)));
const script = async name => URL.createObjectURL(new Blob([await unpack(name)], { type: "text/javascript" }));

// === Runtimes: each returns a function from a file's bytes, or a promise of them, to a model, (prepared numbers, shape) => Float32Array ===

async function openOnnxRuntime() {
  const [url, wasm] = await Promise.all([script("ort.wasm.bundle.min.mjs"), unpack("ort-wasm-simd-threaded.wasm")]);
  const ort = await import(url);
  Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: wasm });
  return async (file, output) => {
    const session = await ort.InferenceSession.create(await file, { executionProviders: ["wasm"] });
    const [input] = session.inputNames;
    return async (values, shape) =>
      (await session.run({ [input]: new ort.Tensor("float32", values, shape) }))[output ?? session.outputNames[0]].data;
  };
}

async function openLiteRt() {
  const names = ["core.js", "litert_wasm_compat_internal.js"];
  const [core, loader, wasmBinary] = await Promise.all([...names.map(script), bytes("litert_wasm_compat_internal.wasm")]);
  const printErr = line => line.startsWith("ERROR") && console.error(line);  // it also tells how it starts
  self.Module = { wasmBinary, printErr };
  const litert = await import(core);
  await litert.loadLiteRt(`${loader}#.js`);
  return async (file, output) => {
    const model = await litert.loadAndCompile(await file, { accelerator: "wasm" });
    return async (values, shape) => {
      const input = new litert.Tensor(values, shape);
      const outputs = await model.run({ input });
      const found = Float32Array.from(await outputs[output].data());
      [input, ...Object.values(outputs)].forEach(tensor => tensor.delete());
      return found;
    };
  };
}

// === What both answer ===

const prepared = (values, { scale, offset }) =>
  Float32Array.from(values, (value, place) => value * scale[place % scale.length] + offset[place % offset.length]);

function apart(answers) {
  const gaps = Array.from(answers[0], (value, place) => Math.abs(value - answers[1][place]));
  const place = gaps.indexOf(Math.max(...gaps));
  return { gap: gaps[place], place };
}
const percent = value => `${(100 * value).toFixed(1)} %`;
const best = values => values.indexOf(Math.max(...values));

function beside(classes, chosen, answers) {
  const { gap, place } = apart(answers), agreed = chosen[0] === chosen[1] ? "They agree" : "They disagree";
  return `${agreed}; their probabilities are ${gap.toExponential(1)} apart at most, at ${classes[place]}.`;
}

function showAnswers(id, classes, answers) {
  const chosen = answers.map(one => best(one));
  const told = chosen.map((one, track) => `<b data-track="${TRACKS[track]}">${TRACKS[track]}: ${classes[one]}</b> (${percent(answers[track][one])})`);
  at(id, ".says").innerHTML = `${told.join(", ")}. ${answers.length > 1 ? beside(classes, chosen, answers) : ""}`;
  at(id, ".answers").innerHTML = classes.map((name, row) => `<div class="answer"><span>${name}</span><span>` +
    answers.map((one, track) => `<i class="bar" style="width: ${100 * one[row]}%; background: ${COLOURS[track]}"></i>`).join("") +
    `</span><span>${answers.map(one => percent(one[row])).join("<br>")}</span></div>`).join("");
}

// === Digits ===

function asMnist(pad) {
  // As MNIST was made: what is drawn fits into 20 x 20, its centre of mass lies in the middle of 28 x 28.
  const { width } = pad, ink = pad.getContext("2d").getImageData(0, 0, width, width).data;
  let left = width, top = width, right = -1, bottom = -1;
  for (let y = 0; y < width; y++) for (let x = 0; x < width; x++) if (ink[4 * (y * width + x) + 3] > 20) {
    left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y);
  }
  if (right < 0) return new Float32Array(SIDE * SIDE);
  const size = Math.max(right - left, bottom - top) + 1, scale = BOX / size;
  const draw = (x, y) => {
    const small = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE }).getContext("2d", { willReadFrequently: true });
    small.imageSmoothingQuality = "high";
    small.drawImage(pad, left, top, right - left + 1, bottom - top + 1, x, y, (right - left + 1) * scale, (bottom - top + 1) * scale);
    return Float32Array.from({ length: SIDE * SIDE }, (_, place) => small.getImageData(0, 0, SIDE, SIDE).data[4 * place + 3]);
  };
  const middle = (SIDE - BOX) / 2, first = draw(middle, middle), all = first.reduce((sum, value) => sum + value, 0);
  const mean = axis => first.reduce((sum, value, place) => sum + value * (axis ? Math.floor(place / SIDE) : place % SIDE), 0) / all;
  return draw(middle + (SIDE - 1) / 2 - mean(0), middle + (SIDE - 1) / 2 - mean(1));
}

function showMaps(canvas, maps) {
  const columns = 8, count = maps.length / SIDE ** 2, most = Math.max(...maps) || 1, gap = 2;
  Object.assign(canvas, { width: columns * (SIDE + gap), height: Math.ceil(count / columns) * (SIDE + gap) });
  const picture = canvas.getContext("2d"), image = picture.createImageData(SIDE, SIDE);
  for (let map = 0; map < count; map++) {
    for (let place = 0; place < SIDE ** 2; place++)
      image.data.set([47, 143, 208, 20 + 235 * maps[map * SIDE ** 2 + place] / most], 4 * place);
    picture.putImageData(image, (map % columns) * (SIDE + gap), Math.floor(map / columns) * (SIDE + gap));
  }
}

function digits(facts, models, maps) {
  const pad = at("digits", ".pad"), pen = pad.getContext("2d", { willReadFrequently: true }), shape = [1, SIDE, SIDE, 1];
  Object.assign(pen, { lineWidth: 20, lineCap: "round", lineJoin: "round", strokeStyle: getComputedStyle(pad).color });
  const answer = async pixels => {
    const input = prepared(pixels, facts);
    const answers = await Promise.all(models.map(model => model(input, shape)));
    showAnswers("digits", facts.classes, answers);
    await Promise.all(maps.map(async (map, track) =>
      showMaps(document.querySelectorAll(".maps canvas")[track], await map(input, shape))));
    return answers;
  };
  const show = pixels => {
    const small = new OffscreenCanvas(SIDE, SIDE), ink = small.getContext("2d"), image = ink.createImageData(SIDE, SIDE);
    const [red, green, blue] = pen.strokeStyle.match(/\w\w/g).map(part => parseInt(part, 16));
    pixels.forEach((value, place) => image.data.set([red, green, blue, value], 4 * place));
    ink.putImageData(image, 0, 0);
    pen.clearRect(0, 0, pad.width, pad.height);
    pen.drawImage(small, 0, 0, pad.width, pad.height);
    return answer(pixels);
  };
  const place = ({ clientX, clientY }) => {
    const box = pad.getBoundingClientRect(), scale = pad.width / box.width;
    return [(clientX - box.left) * scale, (clientY - box.top) * scale];
  };
  pad.addEventListener("pointerdown", event => {
    pad.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...place(event));
  });
  pad.addEventListener("pointermove", event => {
    if (!event.buttons) return;
    pen.lineTo(...place(event));
    pen.stroke();
    answer(asMnist(pad));
  });
  at("digits", ".clear").addEventListener("click", () => {
    pen.clearRect(0, 0, pad.width, pad.height);
    answer(new Float32Array(SIDE * SIDE));
  });
  facts.inputs.forEach((pixels, place) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: facts.classes[facts.labels[place]] });
    button.addEventListener("click", () => show(pixels));
    at("digits", ".examples").append(button);
  });
  return show(facts.inputs[FIRST]);
}

// === Customers ===

function customers(facts, models) {
  const ranges = [...document.querySelectorAll("#customers input")];
  const answer = async () => {
    ranges.forEach(range => { range.previousElementSibling.textContent = range.value; });
    const input = prepared(ranges.map(range => range.valueAsNumber), facts);
    showAnswers("customers", facts.classes, await Promise.all(models.map(model => model(input, [1, 2]))));
  };
  ranges.forEach(range => range.addEventListener("input", answer));
  return answer();
}

// === The race ===

function race({ steps, rates, losses }) {
  const names = Object.keys(rates), tracks = Object.keys(losses), [optimizer, rate] = document.querySelectorAll("#race input");
  const own = Math.floor(rates[names[0]].length / 2), width = 360, height = 220, low = 0.38, high = 0.8;
  optimizer.max = names.length - 1;
  rate.max = rates[names[0]].length - 1;
  const line = (values, style) => `<polyline fill="none" ${style} points="${values.map((value, place) => [
    40 + (width - 50) * place / (steps.length - 1),
    10 + (height - 40) * (high - Math.min(Math.max(value ?? high, low), high)) / (high - low)].join()).join(" ")}"/>`;
  const label = (x, y, text, anchor = "middle") => `<text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`;
  const answer = () => {
    const name = names[optimizer.value], place = Number(rate.value), last = tracks.map(track => losses[track][name][place].at(-1));
    optimizer.previousElementSibling.textContent = name;
    rate.previousElementSibling.textContent = Number(rates[name][place].toPrecision(2));
    const told = last.map((value, track) => `${tracks[track]} ${value === null ? "has left the numbers" : value.toFixed(4)}`);
    at("race", ".says").textContent = `Loss after ${steps.at(-1)} steps: ${told.join(", ")}.`;
    at("race", ".chart").innerHTML = `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Validation loss by step">` +
      names.filter(other => other !== name).map(other => line(losses[tracks[0]][other][own], 'stroke="currentColor" opacity=".2"')).join("") +
      tracks.map((track, number) => line(losses[track][name][place], `stroke="${COLOURS[number]}" stroke-width="3"${number ? ' stroke-dasharray="7 6"' : ""}`)).join("") +
      [low, 0.5, 0.6, 0.7, high].map(value => label(34, 14 + (height - 40) * (high - value) / (high - low), value, "end")).join("") +
      [0, 50, 100].map(step => label(40 + (width - 50) * step / steps.at(-1), height - 18, step)).join("") +
      `${label(width / 2, height - 4, "training step")}</svg>`;
  };
  [optimizer, rate].forEach(range => range.addEventListener("input", answer));
  answer();
}

// === All of it ===

async function check(games) {
  // What the runs said of test examples lies beside the models: the browser must say the same.
  let most = 0, count = 0;
  for (const [facts, models, shape] of games)
    for (const [place, values] of facts.inputs.entries()) for (const [track, model] of models.entries()) {
      const answer = await model(prepared(values, facts), shape);
      most = Math.max(most, apart([answer, facts.answers[TRACKS[track]][place]]).gap);
      count++;
    }
  const said = document.querySelector("#check");
  said.dataset.most = most;
  said.textContent = `${count} answers in your browser differ from those of the runs by at most ${most.toExponential(1)}.`;
}

const load = address => new Promise((resolve, reject) => {
  const loaded = Object.assign(document.createElement("script"), { src: address, onload: resolve, onerror: () => reject(Error(address)) });
  document.body.append(loaded);
});

async function open() {
  // torch's model answers first; the second runtime is opened after that, for it takes as long again.
  // The models are loaded, and the first of them unpacked, while its runtime opens.
  const opening = openOnnxRuntime();
  await load("playground/models.js");
  const file = bytes("digits-torch.onnx"), [facts, onnx] = await Promise.all([json("facts.json"), opening]);
  const torch = await onnx(file, "probabilities"), maps = [await onnx(bytes("maps-torch.onnx"))];
  const digitModels = [torch];
  await digits(facts.digits, digitModels, maps);
  performance.mark("first answer");
  race(await json("race.json"));
  await load("playground/litert.js");
  const litert = await openLiteRt();
  digitModels.push(await litert(bytes("digits-keras.tflite"), "probabilities"));
  maps.push(await onnx(bytes("maps-keras.onnx")));
  document.querySelector("#status").textContent = "Both models are ready.";
  at("digits", ".examples").children[FIRST].click();
  const neurons = await Promise.all([onnx(bytes("customers-torch.onnx"), "probabilities"), litert(bytes("customers-keras.tflite"), "probabilities")]);
  await customers(facts.customers, neurons);
  await check([[facts.digits, digitModels, [1, SIDE, SIDE, 1]], [facts.customers, neurons, [1, 2]]]);
}

open().catch(error => {
  document.querySelector("#status").textContent = `The models could not be opened: ${error.message}`;
  throw error;
});
