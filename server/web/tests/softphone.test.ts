import { describe, expect, it } from "vitest";
import { meter } from "../src/softphone/useLevel";

const tone = (amplitude: number) =>
  Float32Array.from({ length: 960 }, (_, at) => amplitude * Math.sin(at / 5));

describe("the level of a voice", () => {
  it("is nothing for silence, and all of the meter for a full wave", () => {
    expect(meter(new Float32Array(960))).toBe(0);
    expect(meter(new Float32Array(960).fill(1))).toBe(1);
  });

  it("falls by a sixth for each ten decibels", () => {
    expect(meter(tone(0.5)) - meter(tone(0.5 / Math.sqrt(10)))).toBeCloseTo(1 / 6, 2);
  });
});
