export const jaReview = {
  supported: "支持",
  doubted: "要確認",
  supported_by: "支持: 言語モデル {{model}} も該当と推定しました(推定)。{{reason}}",
  doubted_by: "要確認: 言語モデル {{model}} は該当しないと推定しました(推定)。{{reason}}",
  no_reason: "理由は示されていません。",
};

export type ReviewMessages = typeof jaReview;
