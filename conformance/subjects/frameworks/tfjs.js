// TensorFlow.js's transposed convolution for tfjs.py: a line of JSON asks, a line answers. The backend is argument 1.
'use strict';
const readline = require('node:readline');
const backend = process.argv[2];
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
console.log = console.info = console.warn = () => {}; // the library greets on the standard output
const tf = require('@tensorflow/tfjs');

const TYPES = { float32: Float32Array, int32: Int32Array };

function tensor({ shape, dtype, base64 }) {
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'));
  return tf.tensor(new TYPES[dtype](bytes.buffer), shape, dtype);
}

function array(result) {
  const { buffer, byteOffset, byteLength } = result.dataSync();
  return { shape: result.shape, dtype: result.dtype, base64: Buffer.from(buffer, byteOffset, byteLength).toString('base64') };
}

// The layer, given the page's arguments one by one.
function natural({ filters, kernelSize, strides, dilationRate, padding, dataFormat }, x, kernel, bias) {
  const useBias = Boolean(bias);
  const layer = tf.layers.conv2dTranspose({
    filters, kernelSize, strides, dilationRate, padding, dataFormat, useBias, dtype: x.dtype,
  });
  layer.build(x.shape);
  layer.setWeights(useBias ? [kernel, bias] : [kernel]);
  return {
    forward: (given) => layer.apply(given),
    // Its weights are variables.
    derivatives: (upstream) => {
      const [byInputs] = tf.grads((given) => layer.apply(given))([x], upstream);
      const variables = layer.trainableWeights.map((weight) => weight.val);
      const { grads } = tf.variableGrads(() => layer.apply(x).mul(upstream).sum(), variables);
      return [byInputs, ...variables.map(({ name }) => grads[name])];
    },
  };
}

// The full result of the operation, cropped and extended.
function exact({ strides, dataFormat, crops }, x, kernel, bias) {
  const isFirst = dataFormat === 'channelsFirst';
  const forward = (given, taps, offset) => {
    const images = isFirst ? given.transpose([0, 2, 3, 1]) : given;
    const [batch, height, width] = images.shape;
    const [rows, columns, filters] = taps.shape;
    const size = [(height - 1) * strides[0] + rows, (width - 1) * strides[1] + columns];
    if (size.some((length) => length < 0)) throw new Error(`an outputShape of ${size} is not supported`);
    const full = tf.conv2dTranspose(images, taps, [batch, ...size, filters], strides, 'valid');
    const [top, left] = crops;
    const kept = full.slice([0, top.before, left.before, 0],
      [batch, size[0] - top.before - top.dropped, size[1] - left.before - left.dropped, filters]);
    const extended = tf.pad(kept, [[0, 0], [0, top.appended], [0, left.appended], [0, 0]]);
    const outputs = offset ? extended.add(offset) : extended;
    return isFirst ? outputs.transpose([0, 3, 1, 2]) : outputs;
  };
  const weights = bias ? [kernel, bias] : [kernel];
  return {
    forward: (given) => forward(given, ...weights),
    derivatives: (upstream) => tf.grads(forward)([x, ...weights], upstream),
  };
}

const WAYS = { natural, exact };

function answered({ way, words, inputs, kernel, bias, upstream }) {
  if (!way) return { versions: { tfjs: tf.version.tfjs, node: process.version.slice(1) } };
  tf.engine().startScope();
  try {
    const x = tensor(inputs);
    const layer = WAYS[way](words, x, tensor(kernel), bias && tensor(bias));
    const results = upstream ? layer.derivatives(tensor(upstream)) : [layer.forward(x)];
    return { arrays: results.map(array) };
  } finally {
    tf.engine().endScope();
  }
}

async function main() {
  if (backend === 'wasm') require('@tensorflow/tfjs-backend-wasm').setThreadsCount(1);
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no backend ${backend} here`);
  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    try {
      say(answered(JSON.parse(line)));
    } catch (error) {
      // After a trap a module of WebAssembly is in no defined state.
      const isLast = error instanceof WebAssembly.RuntimeError;
      say({ error: error.message, isLast });
      if (isLast) process.exit(1);
    }
  });
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
