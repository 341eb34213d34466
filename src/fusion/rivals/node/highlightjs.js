// {"text": ...} a line -> {"labels": [...], "score": ..., "milliseconds": ...} a line, as highlightAuto ranks languages.
const hljs = require("highlight.js");
const { answerLines } = require("./lines.js");

const names = hljs.listLanguages().filter(hljs.autoDetection);

function compare([a, ofA], [b, ofB]) {
  if (ofA !== ofB) return ofB - ofA;
  if (hljs.getLanguage(a).supersetOf === b) return 1; // as highlightAuto has it: the plainer language first
  return hljs.getLanguage(b).supersetOf === a ? -1 : 0;
}

answerLines((text) => {
  const scored = names.map((name) => [name, hljs.highlight(text, { language: name, ignoreIllegals: false }).relevance]);
  const found = scored.filter(([, relevance]) => relevance > 0).sort(compare);
  return { labels: found.map(([name]) => name), score: found.length ? found[0][1] : 0 };
});
