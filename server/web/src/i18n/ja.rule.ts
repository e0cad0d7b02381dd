export const jaRule = {
  title: "この規則",
  id: "規則",
  version: "{{id}} 第{{version}}版",
  author: "作成者",
  no_author: "記載なし",
  source: "根拠",
  no_source: "記載なし",
  playbook: "規則集",
  superseded: "(その後に改められました)",
  none: "規則集の規則ではなく、プログラムの判定によるものです。",
  failed: "規則を読めませんでした。",
};

export type RuleMessages = typeof jaRule;
