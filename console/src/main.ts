// Begins the console: theme, route and the loop that asks the node, then the page.

import "./app.css";

import { mount } from "svelte";

import App from "./App.svelte";
import { node } from "./node/node.svelte.ts";
import { EARLY } from "./node/system.ts";
import { route } from "./shell/route.svelte.ts";
import { theme } from "./shell/theme.svelte.ts";

theme.apply();
route.start();
node.start(route.page.name === "dashboard" ? EARLY : null);
mount(App, { target: document.body });
