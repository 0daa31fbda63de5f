// After a build: a compressed copy of each file, and `manifest.txt`, from which the gateway's build script makes the
// table that it embeds. A line is `path <tab> media type <tab> SHA-256`, in the order of paths.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";

import type { Plugin } from "vite";

const MEDIA_TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

export function pack(): Plugin {
  let folder = "";
  return {
    name: "pack",
    apply: "build",
    configResolved(config) {
      folder = join(config.root, relative(config.root, config.build.outDir));
      if (config.build.outDir.startsWith(sep)) folder = config.build.outDir;
    },
    closeBundle() {
      const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
        .sort();
      const lines = paths.map((path) => {
        const media = MEDIA_TYPES[extname(path)];
        if (media === undefined) throw new Error(`no media type is known for ${path}; add it to build/pack.ts`);
        const content = readFileSync(join(folder, path));
        writeFileSync(join(folder, `${path}.gz`), gzipSync(content, { level: 9 }));
        return `${path}\t${media}\t${createHash("sha256").update(content).digest("hex")}\n`;
      });
      writeFileSync(join(folder, "manifest.txt"), lines.join(""));
    },
  };
}
