import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

import { pack } from "./build/pack.ts";

// The node that the development server asks.
const node = process.env.HEADWATER_NODE ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [svelte(), pack()],
  build: {
    target: "es2022",
    outDir: process.env.HEADWATER_CONSOLE_OUT ?? "dist",
    emptyOutDir: true,
    // Inlined data URLs would need a weaker Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/v1": node, "/health": node, "/metrics": node } },
});
