// Asks DuckDB questions: duckdb.mjs ROWS.csv RUNS, questions as a JSON list of SQL texts on standard
// input. Prints a line of JSON for each: the median of the runs, in ms of processor time. One thread.
import { readFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

const [csv, runs] = [process.argv[2], Number(process.argv[3])];
const questions = JSON.parse(readFileSync(0, "utf8"));
const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
const db = await instance.connect();
await db.run(`CREATE TABLE rows AS SELECT * FROM read_csv('${csv.replaceAll("'", "''")}', header = true)`);

for (const question of questions) {
    const each = [];
    let answered = 0;
    for (let i = 0; i < runs; i++) {
        const began = process.cpuUsage();
        const result = await db.runAndReadAll(question);
        const used = process.cpuUsage(began);
        each.push((used.user + used.system) / 1000);
        answered = result.currentRowCount;
    }
    each.sort((a, b) => a - b);
    console.log(JSON.stringify({ ms: each[runs >> 1], rows: answered }));
}
process.exit(0);
