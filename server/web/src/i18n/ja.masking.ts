export const jaMasking = {
  start: "カード情報を伏せる",
  on: "カード情報を伏せています",
  kept_out: "この間の音声と文字は、録音にも画面にも残りません。",
  left: "あと {{time}} で自動的に終わります",
  stop: "伏せるのを終える",
  extend: "延長",
  because: {
    "card-asked": "カード情報をお尋ねになったため",
    "card-spoken": "カード番号が聞こえたため",
    "key-run": "続けてボタンが押されたため",
    keys: "ボタン操作により",
    payment: "お支払い手続きのため",
  },
};

export type MaskingMessages = typeof jaMasking;
