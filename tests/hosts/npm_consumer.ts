import { load, SelfTestError, type Model, type Prediction } from "mnist-network";

const model: Model = await load();
const exact: Prediction = model.classify(new Uint8Array(model.channels * model.height * model.width));
const shares: Float32Array = exact.probabilities;
const found: Prediction | null = model.classify(new ImageData(28, 28));
const drawn: Prediction | null = await model.classifyPicture(document.createElement("canvas"));
const file: Prediction | null = await model.classifyPicture(new Blob());
await load(fetch("/assets/mnist.wasm")).catch((error) => error instanceof SelfTestError);
console.log(exact.label, shares.length, found?.several, drawn?.probability, file?.index, model.names[0]);
// @ts-expect-error nothing may be null
model.classify(new ImageData(28, 28)).label;
// @ts-expect-error floats are not raw pixels
model.classify(new Float32Array(784));
