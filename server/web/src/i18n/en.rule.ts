import type { RuleMessages } from "./ja.rule";

export const enRule: RuleMessages = {
  title: "This rule",
  id: "Rule",
  version: "{{id}}, version {{version}}",
  author: "Author",
  no_author: "not stated",
  source: "Source",
  no_source: "not stated",
  playbook: "Playbook",
  superseded: "(changed since)",
  none: "Not from a rule of the playbook: the program itself decided.",
  failed: "The rule could not be read.",
};
