// Reads an AsyncAPI document by AsyncAPI's own parser: FILE. Prints how many messages it has, and what is wrong.

import { readFileSync } from "node:fs";
import parser from "@asyncapi/parser";

const { document, diagnostics } = await new parser.Parser().parse(readFileSync(process.argv[2], "utf8"));
const faults = diagnostics.filter(({ severity }) => severity < 2);
console.log(
  JSON.stringify({
    messages: document ? document.allMessages().length : 0,
    operations: document ? document.allOperations().length : 0,
    faults: faults.map(({ path, message }) => `${path.join("/")}: ${message}`),
  }),
);
