// A transposed convolution that speaks the process protocol (protocol.md): float32, channels_last, forward only.
'use strict';
const readline = require('node:readline');

class Unsupported extends Error {} // what you do not have: no failure, no pass
class ValueError extends Error {} // what the documentation refuses

// Your own code goes here. x: {shape: [batch, height, width, channels], data: Float32Array};
// kernel: {shape: [height, width, filters, channels], data}; strides: [down, right].
function conv2dTranspose(x, kernel, strides, padding) {
  const [batch, height, width, channels] = x.shape;
  const [kh, kw, filters, kernelChannels] = kernel.shape;
  if (channels !== kernelChannels) throw new ValueError(`${channels} channels, the kernel has ${kernelChannels}`);
  const [sh, sw] = strides;
  const crop = padding === 'same';
  const overlap = [Math.max(kh - sh, 0), Math.max(kw - sw, 0)];
  const [top, left] = crop ? overlap.map((n) => Math.floor(n / 2)) : [0, 0];
  const rows = height * sh + (crop ? 0 : overlap[0]);
  const columns = width * sw + (crop ? 0 : overlap[1]);
  const sums = new Float64Array(batch * rows * columns * filters);
  for (let n = 0; n < batch; n++)
    for (let y = 0; y < height; y++)
      for (let i = 0; i < kh; i++) {
        const row = y * sh + i - top;
        if (row < 0 || row >= rows) continue;
        for (let x0 = 0; x0 < width; x0++)
          for (let j = 0; j < kw; j++) {
            const column = x0 * sw + j - left;
            if (column < 0 || column >= columns) continue;
            const from = ((n * height + y) * width + x0) * channels;
            for (let f = 0; f < filters; f++) {
              const taps = ((i * kw + j) * filters + f) * channels;
              const to = ((n * rows + row) * columns + column) * filters + f;
              for (let c = 0; c < channels; c++) sums[to] += x.data[from + c] * kernel.data[taps + c];
            }
          }
      }
  return { shape: [batch, rows, columns, filters], data: sums };
}

// From here on: the protocol. Arguments that your code does not know are unsupported, never ignored.
const KNOWN = ['filters', 'kernel_size', 'strides', 'padding', 'use_bias', 'name'];

function pair(value, name) {
  // An argument may have any JSON type: invalid ones come on purpose.
  const both = Array.isArray(value) ? value : [value, value];
  if (both.length !== 2 || !both.every((n) => Number.isInteger(n) && n > 0))
    throw new ValueError(`${name} = ${JSON.stringify(value)}: one or two positive integers`);
  return both;
}

class Layer {
  constructor(given) {
    const strange = Object.keys(given).filter((name) => !KNOWN.includes(name));
    if (strange.length) throw new Unsupported(`no ${strange.join(', ')}`);
    if (!Number.isInteger(given.filters) || given.filters < 1) throw new Unsupported('no such filters');
    this.filters = given.filters;
    this.kernelSize = pair(given.kernel_size, 'kernel_size');
    this.useBias = given.use_bias ?? true;
    this.strides = pair(given.strides ?? 1, 'strides');
    this.padding = given.padding ?? 'valid';
    if (!['valid', 'same'].includes(this.padding)) throw new Unsupported(`no padding ${this.padding}`);
  }

  build(step) {
    this.channels = step.input_shape.at(-1);
    return null; // no initializers: weights come by set_weights
  }

  set_weights(step) {
    const weights = step.values.map(decoded);
    const kernel = [...this.kernelSize, this.filters, this.channels];
    const wanted = this.useBias ? [kernel, [this.filters]] : [kernel];
    const given = weights.map(({ shape }) => shape);
    if (JSON.stringify(given) !== JSON.stringify(wanted)) throw new ValueError(`weights of shapes ${JSON.stringify(given)}`);
    [this.kernel, this.bias] = weights;
    return null;
  }

  call(step) {
    if (!this.kernel) throw new Unsupported('no initializers');
    const x = decoded(step.inputs);
    if (x.shape.length !== 4) throw new ValueError(`inputs of shape ${x.shape}: rank 4 is needed`);
    const y = conv2dTranspose(x, this.kernel, this.strides, this.padding);
    const bias = this.bias?.data;
    return encoded(y.shape, Float32Array.from(y.data, (sum, i) => (bias ? sum + bias[i % bias.length] : sum)));
  }
}

function decoded({ shape, dtype, base64 }) {
  if (dtype !== 'float32') throw new Unsupported(`no dtype ${dtype}`);
  return { shape, data: new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer) };
}

function encoded(shape, data) {
  return { shape, dtype: 'float32', base64: Buffer.from(data.buffer).toString('base64') };
}

function outcome(moment, compute) {
  try {
    return { value: compute() };
  } catch (error) {
    if (error instanceof Unsupported) return { unsupported: error.message };
    const types = [error.constructor.name, 'Exception'];
    return { error: { types, message: error.message, moment } };
  }
}

function observation({ arguments: given, steps }) {
  let layer = null;
  const constructed = outcome('construct', () => ((layer = new Layer(given)), null));
  const done = (step) => {
    if (!['build', 'set_weights', 'call'].includes(step.do)) throw new Unsupported(`no step ${step.do}`);
    return layer[step.do](step);
  };
  return { constructed, outcomes: layer ? steps.map((step) => outcome(step.do, () => done(step))) : [] };
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line);
  const answer =
    request.kind === 'describe'
      ? { kind: 'description', protocol: 1, versions: { my_program: '0.1' } }
      : { kind: 'observation', id: request.id, observation: observation(request.case) };
  process.stdout.write(JSON.stringify(answer) + '\n');
});
