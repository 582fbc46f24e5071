// What the page's script is given of a browser, without one: a clock, a server's answers.
"use strict";

const page = require("../../agentctl/server/page/page.js");

// A clock that goes on when nothing is left to do.
class World {
  constructor() {
    this.time = 0;
    this.timers = new Map();
    this.count = 0;
    this.seed = 1;
    this.asked = [];
  }

  env(answer) {
    return {
      setTimeout: (what, ms) => {
        this.timers.set(++this.count, [this.time + ms, what]);
        return this.count;
      },
      clearTimeout: (timer) => this.timers.delete(timer),
      now: () => this.time,
      wall: () => this.time,
      random: () => (this.seed = (this.seed * 48271) % 2147483647) / 2147483647,
      fetch: (url, options) => {
        this.asked.push([this.time, url, options.headers]);
        return answer(options.signal);
      },
    };
  }

  async until(end) {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = [...this.timers].reduce((a, b) => (a && a[1][0] <= b[1][0] ? a : b), null);
      if (!next || next[1][0] > end) {
        this.time = end;
        return;
      }
      this.timers.delete(next[0]);
      this.time = Math.max(this.time, next[1][0]);
      next[1][1]();
    }
  }
}

function answerOf(status, headers = {}, chunks = []) {
  const pull = (controller) => {
    if (chunks.length) controller.enqueue(new TextEncoder().encode(chunks.shift()));
    else controller.close();
  };
  return new Response(new ReadableStream({ pull }), { status, headers });
}

const open = (chunks) => answerOf(200, { "Content-Type": "text/event-stream" }, chunks);

// A reader of the page, and all that it has told.
function readerIn(world, answer) {
  const seen = { events: [], states: [], cursor: "", token: "" };
  const hooks = {
    event: (event) => {
      seen.events.push(event);
      seen.cursor = event.cursor;
    },
    state: (state) => seen.states.push(state),
    build: () => {},
    cursor: () => seen.cursor,
    token: () => seen.token,
  };
  return [new page.StreamReader(hooks, world.env(answer)), seen];
}

module.exports = { page, World, answerOf, open, readerIn };
