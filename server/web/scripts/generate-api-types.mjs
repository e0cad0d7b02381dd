// Writes src/api/schema.d.ts from openapi.json, which `python -m koemori.server.openapi` (or make) exports first.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const source = new URL("../openapi.json", import.meta.url);
const target = new URL("../src/api/schema.d.ts", import.meta.url);

if (!existsSync(source)) {
  console.error(
    "koemori web: server/web/openapi.json is missing; run `make web`, or " +
      "`python -m koemori.server.openapi > server/web/openapi.json` first",
  );
  process.exit(2);
}

const text = astToString(await openapiTS(source, { alphabetize: true, defaultNonNullable: true }));
const header = "// Generated from the OpenAPI description of the service. Do not edit.\n\n";
const before = existsSync(target) ? readFileSync(target, "utf8") : "";
if (before !== header + text) writeFileSync(target, header + text);
