import type { ReviewMessages } from "./ja.review";

export const enReview: ReviewMessages = {
  supported: "Supported",
  doubted: "Check",
  supported_by: "Supported: the language model {{model}} estimates harassment as well. {{reason}}",
  doubted_by: "Check: the language model {{model}} estimates that this is no harassment. {{reason}}",
  no_reason: "It gave no reason.",
};
