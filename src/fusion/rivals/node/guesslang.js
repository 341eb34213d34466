// {"text": ...} a line -> {"labels": [...], "score": ..., "milliseconds": ...} a line, by guesslang's model.
const { ModelOperations } = require("@vscode/vscode-languagedetection");
const { answerLines } = require("./lines.js");

const model = new ModelOperations({ minContentSize: 1 }); // as it comes, it does not answer below 20 characters

answerLines(async (text) => {
  const found = await model.runModel(text); // best first
  return { labels: found.map((one) => one.languageId), score: found.length ? found[0].confidence : 0 };
});
