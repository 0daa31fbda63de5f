// A real node to look at, on free ports, over a project and a data folder of its own.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { serve } from "./serve.js";

const READY_MS = 60_000;

/** Relative to the tests. */
export const SHOP = new URL("./project", import.meta.url).pathname;

export class Node {
  #binary = process.env.HEADWATER_BINARY;
  #project;
  #data = mkdtempSync(join(tmpdir(), "headwater-console-"));
  #child;
  #address = "127.0.0.1:0";
  #scheme = "http";
  #settings;
  #front;

  /** `settings` are further arguments of `headwater run`. */
  constructor(project, settings = []) {
    this.#project = project;
    this.#settings = settings;
    if (!this.#binary) throw new Error("HEADWATER_BINARY names no binary: run `cargo xtask console`");
  }

  static async start(project = SHOP, settings = []) {
    const node = new Node(project, settings);
    await node.start();
    // The console that the binary embeds, unless a folder with a newer one is named.
    const folder = process.env.HEADWATER_CONSOLE;
    if (folder) node.#front = await serve(folder, () => node.#address);
    return node;
  }

  /** Where its pages are. */
  get url() {
    return this.#front?.url ?? `${this.#scheme}://${this.#address}`;
  }

  /** Starts it, the second time on the port that it had, and with more arguments if there are some. */
  async start(more = []) {
    this.#settings.push(...more);
    const settings = this.#project === SHOP ? ["--set", `start=${new Date().toISOString().slice(0, 19).replace("T", " ")}`] : [];
    const doors = ["--http", this.#address, "--postgres", "127.0.0.1:0"];
    const child = spawn(this.#binary, ["run", this.#project, "--data-dir", this.#data, ...doors, ...settings, ...this.#settings]);
    this.#child = child;
    let said = "";
    await new Promise((ready, failed) => {
      const timer = setTimeout(() => failed(new Error(`the node was not ready in time:\n${said}`)), READY_MS);
      const hear = (part) => {
        said += part;
        const place = /HTTP on (https?):\/\/([\d.:]+)/.exec(said);
        if (place === null) return;
        [this.#scheme, this.#address] = place.slice(1);
        clearTimeout(timer);
        ready();
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.on("exit", (code) => failed(new Error(`the node ended with ${code}:\n${said}`)));
    });
  }

  /** Ends it without warning; what it holds on disk stays. */
  async kill() {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }

  async close() {
    await this.kill();
    this.#front?.close();
    rmSync(this.#data, { recursive: true, force: true });
  }

  /** The answer to a statement, which must succeed. */
  async sql(statement) {
    const response = await fetch(`http://${this.#address}/v1/sql`, { method: "POST", body: statement });
    if (!response.ok) throw new Error(`${statement}: ${await response.text()}`);
    return await response.json();
  }

  async append(stream, rows) {
    const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(rows) };
    const response = await fetch(`http://${this.#address}/v1/streams/${stream}`, options);
    if (!response.ok) throw new Error(`${stream}: ${await response.text()}`);
  }
}
