// Runs the network on the server of this page: `cnnkit demo`.

async function ask(path, body) {
  const answer = await fetch(path, body && { method: "POST", body });
  if (!answer.ok) throw new Error(`the server answers ${answer.status} to ${path}`);
  return answer.json();
}

export async function open() {
  const about = await ask("model.json");
  return {
    ...about, // name, names, size, recipe, and preprocessing if it is known
    predict: async (pixels) => (await ask("predict", pixels)).probabilities,
    microseconds: async (pixels) => (await ask("time", pixels)).microseconds,
    selfTest: async () => about.selfTest,
  };
}
