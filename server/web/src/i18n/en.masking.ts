import type { MaskingMessages } from "./ja.masking";

export const enMasking: MaskingMessages = {
  start: "Mask card details",
  on: "Card details are masked",
  kept_out: "Neither sound nor words are kept meanwhile, in the recording or here.",
  left: "Ends by itself in {{time}}",
  stop: "End masking",
  extend: "Extend",
  because: {
    "card-asked": "Card details were asked for",
    "card-spoken": "A card number was heard",
    "key-run": "Several keys were pressed",
    keys: "By keys of the telephone",
    payment: "A payment is going on",
  },
};
