// Answers each line of standard input with a line of standard output, until there are no more.
const readline = require("readline");

async function answerLines(answer) {
  for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const { text } = JSON.parse(line);
    const before = process.cpuUsage(); // microseconds
    let found;
    try {
      found = await answer(text);
    } catch (error) {
      found = { labels: [], score: 0 }; // a tool that fails on a text has no answer
    }
    const { user, system } = process.cpuUsage(before);
    process.stdout.write(JSON.stringify({ ...found, milliseconds: (user + system) / 1000 }) + "\n");
  }
}

module.exports = { answerLines };
