/** Words for the tags and criteria of the playbook that ships; others show in their playbook's own words. */
export const jaTags = {
  demand_type: {
    refund: "返金",
    exchange: "交換",
    repair: "修理",
    apology: "謝罪",
    explanation: "説明",
    compensation: "補償",
    cancellation: "解約",
    supervisor: "上長",
    other: "その他",
  },
  cause: {
    quality: "品質不良",
    delivery: "配送",
    service: "接客",
    billing: "請求",
    system: "システム",
    explanation: "説明不足",
    waiting: "待ち時間・たらい回し",
    personal_data: "個人情報",
    other: "その他",
  },
  product_group: {
    utilities: "電気・ガス・水道",
    telecom: "通信",
    finance: "金融・保険",
    travel: "旅行・宿泊・交通",
    transport: "配送・引越し",
    appliance: "家電",
    furniture: "家具・住まい",
    food: "食品・飲食",
    clothing: "衣料・クリーニング",
    health: "医薬・美容",
    education: "教育・余暇",
    vehicle: "自動車・自転車",
    other: "その他",
  },
  ministry: {
    long_detention: "時間拘束型",
    repeated: "リピート型",
    abusive_language: "暴言型",
    violence: "暴力型",
    threat: "威嚇・脅迫型",
    authority: "権威型",
    internet: "SNS・インターネット上での誹謗中傷型",
    sexual: "セクシュアルハラスメント型",
  },
};

export const jaRecordRules = {
  harassment: "迷惑行為への対応は、経緯と言葉を後で示せるように残す",
  complaint: "苦情は、申し出・対応・結果を残す",
  promise: "約束は、内容・期限・担当を残す",
  payment_terms: "支払条件の説明と合意は、後で争いになりやすいため残す",
  contract_change: "契約の変更・解約は、申し出の日と内容を残す",
  personal_data: "個人情報の開示・訂正・削除の求めは残す",
  injury: "けがや事故は、再発の防止と補償のために残す",
  opening_hours: "公開している案内だけの問い合わせは記録を要しない",
  wrong_number: "間違い電話は記録を要しない",
};

export type TagMessages = typeof jaTags;
export type RecordRuleMessages = typeof jaRecordRules;
