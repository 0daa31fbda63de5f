// The editor of the worksheet: CodeMirror with our words, our completion and our colours.
//
// It lives in a shadow root, where CodeMirror's styles are constructed sheets: the page's Content-Security-Policy
// allows no style elements.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab, toggleComment } from "@codemirror/commands";
import { SQLDialect } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, LanguageSupport, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic as Mark, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";

import { type Diagnostic, elsewhere } from "../api/failure.ts";
import { indexOfByte, type Statement } from "../sql/tokens.ts";
import { KEYWORDS, TYPES } from "../sql/words.ts";
import { type Catalog, complete } from "./completion.ts";

const dialect = SQLDialect.define({
  keywords: KEYWORDS.join(" "),
  types: TYPES.join(" "),
  operatorChars: "+-*/<>=~!@#%^&|`?",
  doubleDollarQuotedStrings: true,
});

const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.typeName, tags.bool, tags.null], color: "var(--sql-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--sql-string)" },
  { tag: tags.number, color: "var(--sql-number)" },
  { tag: tags.comment, color: "var(--sql-comment)" },
]);

const LOOK = EditorView.theme({
  "&": { height: "100%", fontSize: "13.5px", color: "var(--ink)", backgroundColor: "var(--surface)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", fontVariantLigatures: "none" },
  ".cm-content": { padding: "10px 0", caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--ink-3)", border: "0", paddingLeft: "6px" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "color-mix(in oklab, var(--sunken) 70%, transparent)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "var(--accent-soft)",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--flow)" },
  ".cm-placeholder": { color: "var(--ink-3)" },
  ".cm-tooltip": {
    border: "1px solid var(--line)",
    borderRadius: "8px",
    backgroundColor: "var(--surface)",
    boxShadow: "var(--shadow)",
    overflow: "hidden",
    color: "var(--ink)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "13px", maxHeight: "240px", padding: "4px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px", borderRadius: "4px", lineHeight: "1.5" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-soft)", color: "var(--ink)" },
  ".cm-completionMatchedText": { textDecoration: "none", color: "var(--accent)", fontWeight: "600" },
  ".cm-completionDetail": { color: "var(--ink-3)", fontStyle: "normal", marginLeft: "12px" },
  ".cm-tooltip.cm-completionInfo": { padding: "6px 10px", fontSize: "12.5px" },
  ".cm-diagnostic": { padding: "6px 12px", fontFamily: "var(--sans)", fontSize: "13px", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--bad) 1.5px",
    textUnderlineOffset: "4px",
    backgroundColor: "var(--bad-soft)",
  },
});

export interface Hooks {
  catalog: () => Catalog;
  run: () => void;
  runAll: () => void;
  plan: () => void;
  changed: (text: string) => void;
}

export function editor(root: ShadowRoot, parent: Element, text: string, hooks: Hooks): EditorView {
  const runKeys = Prec.highest(
    keymap.of([
      { key: "Mod-Enter", run: () => (hooks.run(), true) },
      { key: "Shift-Mod-Enter", run: () => (hooks.runAll(), true) },
      { key: "Alt-Enter", run: () => (hooks.plan(), true) },
      { key: "Mod-/", run: toggleComment },
      // Tab completes where something is offered; else it goes on to the next control, as anywhere on the page.
      { key: "Escape", run: (view) => (view.contentDOM.blur(), true) },
    ]),
  );
  const state = EditorState.create({
    doc: text,
    extensions: [
      keymap.of([...completionKeymap, ...closeBracketsKeymap, ...historyKeymap, ...lintKeymap, ...defaultKeymap, indentWithTab]),
      runKeys,
      history(),
      lineNumbers(),
      drawSelection(),
      bracketMatching(),
      closeBrackets(),
      highlightActiveLine(),
      placeholder("SELECT …"),
      new LanguageSupport(dialect.language),
      syntaxHighlighting(COLOURS),
      autocompletion({ override: [(context) => complete(hooks.catalog, context)], icons: false, maxRenderedOptions: 60 }),
      EditorView.contentAttributes.of({ "aria-label": "SQL" }),
      EditorView.lineWrapping,
      EditorView.updateListener.of((update) => {
        if (update.docChanged) hooks.changed(update.state.doc.toString());
      }),
      LOOK,
    ],
  });
  return new EditorView({ state, parent, root });
}

/** Shows what is wrong with a statement at its place, and puts the cursor there. */
export function mark(view: EditorView, statement: Statement, diagnostics: Diagnostic[]): void {
  const length = view.state.doc.length;
  const inside = diagnostics.filter((each) => elsewhere(each) === null);
  const marks: Mark[] = inside.map(({ message, detail, hint, start, end }) => {
    const from = Math.min(statement.start + indexOfByte(statement.text, start), length);
    const to = Math.min(Math.max(statement.start + indexOfByte(statement.text, end), from), length);
    const text = [message, detail, hint === null ? null : `hint: ${hint}`].filter((line) => line !== null).join("\n");
    return { from, to, severity: "error", message: text };
  });
  view.dispatch(setDiagnostics(view.state, marks));
}

export function unmark(view: EditorView): void {
  view.dispatch(setDiagnostics(view.state, []));
}
