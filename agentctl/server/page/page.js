// Status page: reads the server's stream by fetch and shows verdict, components and changes.
//
// In this order: the decoder of the stream, what it says (losses, model, verdict, liveness), the
// reader that holds the stream open, the tabs that share it, the strips, and the view. What
// stands before the view touches no document, and is tested under node.
"use strict";

const STATUS_URL = "api/agents/control-plane/status"; // relative: any prefix will do
const BEAT_S = 5;
const STREAM_URL = `${STATUS_URL}/stream?clusters=1&heartbeat=${BEAT_S}s`;

// Heartbeats that may be missed: who has heard nothing for longer is late, then lost.
const LATE_MS = 2 * BEAT_S * 1000;
const LOST_MS = 3 * BEAT_S * 1000;
const SILENT_MS = 2.5 * BEAT_S * 1000; // when an open stream is given up for another

const HOUR_MS = 3600 * 1000;
const COLUMNS = 60; // of a strip: a minute each
const MAX_BYTES = 16 << 20; // of one line, and of one event's data
const MAX_RETRY_MS = 1e9;
const MAX_FEED = 200;
const MAX_ROWS = 2000; // in the document, until more are asked for
const MAX_TROUBLE = 12;
const MAX_NAMES = 60; // in one request for strips
const MAX_QUERY = 6000; // characters of it: servers take 16 KB in all, some proxies 8

const STATUSES = ["error", "degraded", "unknown", "configured", "healthy"];
const SEVERITY = { healthy: 0, configured: 0, unknown: 2, degraded: 3, error: 4 };
// Of a strip's column the worst is shown; what nobody saw, only where nobody saw anything.
const WORST = [
  "absent",
  "unseen",
  "healthy",
  "configured",
  "stale",
  "unknown",
  "degraded",
  "error",
];
const OUTAGES = ["disconnected", "unauthorized", "server", "stale"];

// ---------------------------------------------------------------- decoder of event streams

class EventTooLarge extends Error {}

// Events out of a text/event-stream (WHATWG HTML, 9.2): bytes in, in pieces of any size. Linear
// in the bytes fed, in bounded memory; the laws are those of agentctl/wire/sse_decode.py.
class EventStreamDecoder {
  constructor(limit = MAX_BYTES) {
    this.lastEventId = "";
    this.retryMs = null;
    this._limit = limit;
    this._begun = false;
    this._afterCr = false;
    this._inComment = false;
    this._held = new Uint8Array(256); // a line that has not ended
    this._length = 0;
    this._type = "";
    this._data = null;
    this._size = 0;
    this._id = "";
    this._text = new TextDecoder("utf-8", { ignoreBOM: true });
  }

  // The events that these bytes complete, in order; throws EventTooLarge.
  feed(bytes) {
    const events = [];
    if (!this._begun) bytes = this._withoutBom(bytes);
    let at = 0;
    if (this._afterCr && bytes.length) {
      this._afterCr = false; // the line ended with the CR: it did not wait for what follows
      if (bytes[0] === 10) at = 1;
    }
    let lf = bytes.indexOf(10, at);
    let cr = bytes.indexOf(13, at);
    while (lf >= 0 || cr >= 0) {
      const end = cr < 0 || (lf >= 0 && lf < cr) ? lf : cr;
      this._line(bytes.subarray(at, end), events);
      at = end + 1;
      if (end === cr) {
        if (at === bytes.length) this._afterCr = true;
        else if (bytes[at] === 10) at += 1;
        cr = bytes.indexOf(13, at);
      }
      if (lf >= 0 && lf < at) lf = bytes.indexOf(10, at);
    }
    this._hold(bytes.subarray(at));
    return events;
  }

  // Hold back what may be the beginning of a byte order mark; one is dropped.
  _withoutBom(bytes) {
    const all = new Uint8Array(this._length + bytes.length);
    all.set(this._held.subarray(0, this._length));
    all.set(bytes, this._length);
    this._length = 0;
    const same = [0xef, 0xbb, 0xbf].every((byte, at) => at >= all.length || all[at] === byte);
    if (all.length < 3 && same) {
      this._held.set(all);
      this._length = all.length;
      return new Uint8Array(0);
    }
    this._begun = true;
    return same ? all.subarray(3) : all;
  }

  // Keep the next piece of an unfinished line, unless it is a comment's.
  _hold(piece) {
    if (!this._length && !this._inComment && piece.length) this._inComment = piece[0] === 58;
    if (this._inComment || !piece.length) return;
    const length = this._length + piece.length;
    if (length > this._limit) throw new EventTooLarge(`a line of more than ${this._limit} bytes`);
    if (length > this._held.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this._held.length));
      larger.set(this._held.subarray(0, this._length));
      this._held = larger;
    }
    this._held.set(piece, this._length);
    this._length = length;
  }

  _line(rest, events) {
    this._hold(rest);
    const line = this._text.decode(this._held.subarray(0, this._length));
    const size = this._length;
    const comment = this._inComment;
    this._length = 0;
    this._inComment = false;
    if (comment) return;
    if (!line) {
      this._dispatch(events);
      return;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "data") this._append(value, size - (line.length - value.length));
    else if (name === "event") this._type = value;
    else if (name === "id") {
      if (!value.includes("\0")) this._id = value;
    } else if (name === "retry" && /^[0-9]+$/.test(value)) {
      this.retryMs = Math.min(Number(value), MAX_RETRY_MS);
    }
  }

  _append(value, size) {
    if (this._data === null) this._data = [];
    this._size += size + (this._data.length ? 1 : 0); // what joins two lines counts
    this._data.push(value);
    if (this._size > this._limit) {
      throw new EventTooLarge(`an event of more than ${this._limit} bytes`);
    }
  }

  _dispatch(events) {
    const data = this._data;
    const type = this._type || "message";
    this._data = null;
    this._size = 0;
    this._type = "";
    this.lastEventId = this._id;
    if (data !== null) events.push({ type, data: data.join("\n"), lastEventId: this._id });
  }
}

// ---------------------------------------------------------------- what the stream says

const text = (value) => (typeof value === "string" ? value : "");
const keyOf = (item) => `${text(item.cluster)}\0${text(item.namespace)}\0${item.component}`;
const severity = (status) => SEVERITY[status] ?? SEVERITY.unknown;

// What we were told is lost, and not that it is back: the laws of agentctl/engine/losses.py.
class Losses {
  constructor() {
    this._told = new Map(); // by cluster and source: the error that told of it last
  }

  // Returns whether this told of a loss, or ended one.
  take(event) {
    if (event.type === "heartbeat") {
      const had = this._told.size > 0;
      this._told.clear();
      return had;
    }
    if (event.type !== "error") return false;
    const sources = sourcesOf(event);
    let keys = sources.map((source) => `${text(event.cluster)}\0${source}`);
    if (event.code === "recovered") {
      keys.forEach((key) => this._told.delete(key));
      return true;
    }
    if (!OUTAGES.includes(event.code || "server")) return false;
    if (text(event.message).startsWith(stillWithout(sources))) {
      const known = keys.filter((key) => this._told.has(key));
      keys = known.length ? known : keys.slice(0, 1);
    }
    for (const key of keys) {
      const before = this._told.get(key);
      this._told.set(key, { ...event, since: before ? before.since : event.generated_at });
    }
    return true;
  }

  // What told of them, each once.
  get errors() {
    const seen = new Map();
    for (const error of this._told.values())
      seen.set(`${text(error.cluster)}\0${error.message}`, error);
    return [...seen.values()];
  }

  // The clusters that are not seen; "" where there is one.
  get clusters() {
    return new Set([...this._told.values()].map((error) => text(error.cluster)));
  }
}

function sourcesOf(error) {
  return Array.isArray(error.sources) && error.sources.length
    ? error.sources
    : [text(error.source)];
}

function stillWithout(sources) {
  return `still without ${sources.join(", ")}: `;
}

// The message of an error, without the sources' names that it begins with when told again.
function cause(error) {
  const message = text(error.message);
  const again = stillWithout(sourcesOf(error));
  return message.startsWith(again) ? message.slice(again.length) : message;
}

// The state: a row for each component, in the server's order, and the server's clock.
class Model {
  constructor() {
    this.begun = false;
    this.rows = new Map();
    this.cursor = "";
    this.losses = new Losses();
    this.serverMs = 0; // of the newest event
    this.serverAt = 0; // when it was heard, by our monotonic clock
    this.lost = false; // nothing is heard at all
    this.refused = false; // the server wants another token
  }

  serverNow(now) {
    return this.serverMs + (now - this.serverAt);
  }

  // Take one event. Returns { changes, structure, losses }: what is new, as told to people.
  take(event, now) {
    const ms = Date.parse(event.generated_at);
    if (!Number.isNaN(ms) && (ms > this.serverMs || now - this.serverAt > 5000)) {
      this.serverMs = ms;
      this.serverAt = now;
    }
    if (typeof event.cursor === "string") this.cursor = event.cursor;
    const at = Number.isNaN(ms) ? this.serverNow(now) : ms;
    const news = { changes: [], structure: false, losses: false, changed: [] };
    if (event.type === "snapshot") this._replace(list(event.items), at, news);
    else if (event.type === "delta")
      this._change(list(event.changes), list(event.removed), at, news);
    else if (event.type === "error" && !OUTAGES.includes(event.code)) {
      news.changes.push({
        at,
        notice: event.code || "error",
        message: cause(event),
        cluster: text(event.cluster),
      });
    }
    news.losses = this.losses.take(event);
    if (news.losses) this._mark(at);
    return news;
  }

  _replace(items, at, news) {
    const before = this.rows;
    this.rows = new Map();
    for (const item of items) {
      if (!item || typeof item.component !== "string") continue;
      const key = keyOf(item);
      const row = before.get(key);
      if (!row) {
        this.rows.set(key, newRow(key, item, at, false));
        if (this.begun) news.changes.push(change(this.rows.get(key), null, at));
      } else {
        this.rows.set(key, row);
        this._update(row, item, at, news, false); // it may have become so before
      }
    }
    for (const [key, row] of before) if (!this.rows.has(key)) news.changes.push(gone(row, at));
    this.begun = true;
    news.structure = true;
  }

  _change(items, removed, at, news) {
    for (const item of items) {
      if (!item || typeof item.component !== "string") continue;
      const key = keyOf(item);
      const row = this.rows.get(key);
      if (row) this._update(row, item, at, news, true);
      else {
        const added = newRow(key, item, at, true);
        this.rows.set(key, added);
        news.structure = true;
        news.changes.push(change(added, null, at));
      }
    }
    for (const one of removed) {
      const row = one && this.rows.get(keyOf(one));
      if (!row) continue;
      this.rows.delete(row.key);
      news.structure = true;
      news.changes.push(gone(row, at));
    }
  }

  _update(row, item, at, news, began) {
    const status = statusOf(item);
    const message = text(item.message);
    const details = detailsOf(item);
    const same = status === row.status;
    if (same && message === row.message && JSON.stringify(details) === JSON.stringify(row.details))
      return;
    if (!same || message !== row.message)
      news.changes.push(change({ ...row, status, message }, row.status, at));
    if (!same) {
      row.since = at;
      row.began = began;
      mark(row.strip, at, status);
    }
    Object.assign(row, { status, message, details });
    news.changed.push(row);
  }

  // Whether what is said of a row may be so no more.
  isStale(row, clusters = this.losses.clusters) {
    return this.lost || clusters.has("") || clusters.has(row.cluster);
  }

  // Returns whether that is news.
  setLost(lost, now) {
    if (this.lost === lost) return false;
    this.lost = lost;
    this._mark(this.serverNow(now));
    return true;
  }

  // Write into the strips what is not seen from now on, and what is again.
  _mark(at) {
    const clusters = this.losses.clusters;
    for (const row of this.rows.values()) {
      mark(row.strip, at, this.isStale(row, clusters) ? "stale" : row.status);
    }
  }
}

const list = (value) => (Array.isArray(value) ? value : []);
const statusOf = (item) => (STATUSES.includes(item.status) ? item.status : "unknown");
const detailsOf = ({ details }) => (details && typeof details === "object" ? details : null);
const placeOf = (row) => [row.cluster, row.namespace].filter(Boolean).join(" / ");

function newRow(key, item, at, began) {
  return {
    key,
    cluster: text(item.cluster),
    namespace: text(item.namespace),
    component: item.component,
    status: statusOf(item),
    message: text(item.message),
    details: detailsOf(item),
    since: at,
    began, // or it has been so for longer, who knows since when
    strip: newStrip(at, statusOf(item)),
    loaded: false,
  };
}

function change(row, before, at) {
  const { key, cluster, namespace, component, status, message } = row;
  return { at, key, cluster, namespace, component, status, message, before };
}

const gone = (row, at) => ({ ...change(row, row.status, at), status: "removed", message: "" });

// A strip: the worst state of each of the last sixty minutes, in as many bytes however it flaps.
function newStrip(at, state) {
  const strip = {
    minutes: new Uint8Array(COLUMNS),
    newest: minuteOf(at),
    state: WORST.indexOf(state),
  };
  strip.minutes.fill(WORST.indexOf("unseen"));
  strip.minutes[strip.newest % COLUMNS] = strip.state;
  return strip;
}

const minuteOf = (at) => Math.floor(at / 60000);

// Go on to a time: the minutes up to it are what it is now.
function advance(strip, at) {
  const minute = minuteOf(at);
  for (let one = Math.max(strip.newest + 1, minute - COLUMNS + 1); one <= minute; one += 1) {
    strip.minutes[one % COLUMNS] = strip.state;
  }
  strip.newest = Math.max(strip.newest, minute);
}

function mark(strip, at, state) {
  advance(strip, at);
  strip.state = WORST.indexOf(state);
  const place = strip.newest % COLUMNS;
  strip.minutes[place] = Math.max(strip.minutes[place], strip.state);
}

// The states of a strip, the oldest first.
function minutesOf(strip, at) {
  advance(strip, at);
  return Array.from(
    { length: COLUMNS },
    (_, one) => WORST[strip.minutes[(strip.newest + 1 + one) % COLUMNS]],
  );
}

// Take the past from elsewhere; what has been seen since stays.
function recall(strip, runs, to) {
  const from = (strip.newest - COLUMNS + 1) * 60000;
  const past = columnsOf(runs, from, from + COLUMNS * 60000, COLUMNS);
  const last = minuteOf(to);
  past.forEach((state, one) => {
    const minute = strip.newest - COLUMNS + 1 + one;
    const place = minute % COLUMNS;
    const seen = minute < last ? 0 : strip.minutes[place];
    if (minute <= last) strip.minutes[place] = Math.max(seen, WORST.indexOf(state));
  });
}

// Whether a row has a say: what the catalog declares as always unknown has none.
const decides = (row) => !(row.status === "unknown" && row.details && row.details.static === true);

function countsOf(rows) {
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0]));
  for (const row of rows) counts[row.status] += 1;
  return counts;
}

const inWords = (counts) =>
  STATUSES.filter((status) => counts[status])
    .map((status) => `${counts[status]} ${status}`)
    .join(" · ");

// The verdict on all that is served, whatever the filter shows: { state, word, note }, and how many
// components are so bad. What is known to be bad goes first, then what is not seen; only what is
// seen whole can be healthy.
function verdictOf(model) {
  if (!model.begun) {
    const [word, note] = model.refused
      ? ["No token", ""]
      : ["Connecting", "waiting for the first state"];
    return { state: "waiting", word, note };
  }
  const rows = [...model.rows.values()];
  if (!rows.length)
    return { state: "unknown", word: "Nothing watched", note: "the server has no component" };
  const lostClusters = model.losses.clusters;
  const everything = model.lost || lostClusters.has("");
  const seen = everything ? [] : rows.filter((row) => !lostClusters.has(row.cluster));
  const counts = inWords(countsOf(seen.length ? seen : rows));
  if (!seen.length) return { state: "stale", word: "Not live", note: `was: ${counts}` };
  const judged = seen.filter(decides);
  const worst = judged.reduce(
    (so, row) => Math.max(so, severity(row.status)),
    judged.length ? 0 : 2,
  );
  const names = [...lostClusters].join(", ");
  const note = lostClusters.size ? `${counts} · not seen: ${names}` : counts;
  const count = judged.filter((row) => severity(row.status) === worst).length;
  if (worst === SEVERITY.error) return { state: "error", word: "Error", note, count };
  if (worst === SEVERITY.degraded) return { state: "degraded", word: "Degraded", note, count };
  if (lostClusters.size) return { state: "unknown", word: "Incomplete", note };
  if (worst === SEVERITY.unknown) return { state: "unknown", word: "Unknown", note, count };
  return { state: "healthy", word: "Healthy", note };
}

// Live, late or lost, by when the last event was heard. After a sleep, or in a tab that was not
// looked at, what waits is read before it is judged.
class Liveness {
  constructor(env) {
    this._env = env;
    this.state = "connecting";
    this.heardAt = null;
    this._ticked = env.now();
    this._wall = env.wall();
    this._graceUntil = 0;
    this._slept = false;
    this._deadline = false;
  }

  heard() {
    this.heardAt = this._env.now();
    this._slept = false;
  }

  get silentMs() {
    return this.heardAt === null ? 0 : this._env.now() - this.heardAt;
  }

  // Somebody slept, or may have: read first. Returns how long to wait before the next tick.
  woke(graceMs = 1500) {
    this._graceUntil = this._env.now() + graceMs;
    this._deadline = true;
    return graceMs;
  }

  // Judge. Returns "woke" where the clock leapt, "slept" where nothing was heard after that and
  // the stream should be opened anew, else "".
  tick() {
    const now = this._env.now();
    const wall = this._env.wall();
    const gap = Math.max(now - this._ticked, Math.abs(wall - this._wall));
    this._ticked = now;
    this._wall = wall;
    if (gap > 4000 && !this._deadline) {
      this._slept = gap > LATE_MS;
      this.woke();
      return "woke";
    }
    if (now < this._graceUntil) return "";
    this._deadline = false;
    const slept = this._slept;
    this._slept = false;
    if (slept && this.heardAt !== null) {
      // A monotonic clock may have slept as well: one beat more, and then it is lost.
      this.heardAt = Math.min(this.heardAt, now - LATE_MS - 1);
    }
    if (this.heardAt === null) this.state = "connecting";
    else if (now - this.heardAt > LOST_MS) this.state = "lost";
    else if (now - this.heardAt > LATE_MS) this.state = "late";
    else this.state = "live";
    return slept ? "slept" : "";
  }
}

// ---------------------------------------------------------------- the reader of the stream

const BACKOFF_MS = 1000;
const BACKOFF_CAP_MS = 30000;
const HEALTHY_MS = 30000; // only so much health begins from the base again
const ANSWER_MS = 20000; // until the head of an answer is there
const MAX_WAIT_MS = HOUR_MS; // of what a server asks for

// What a Retry-After header asks for, in ms; a date counts by the server's own clock.
function retryAfterMs(headers) {
  const value = (headers.get("Retry-After") || "").trim();
  if (/^[0-9]+$/.test(value)) return Math.min(Number(value) * 1000, MAX_WAIT_MS);
  const ms = Date.parse(value) - Date.parse(headers.get("Date") || "");
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), MAX_WAIT_MS);
}

// Holds the stream open for ever. `hooks`: event(object), state({ phase, message, until, status }),
// build(text), cursor(), token(); `env`: fetch, setTimeout, clearTimeout, now, random.
class StreamReader {
  constructor(hooks, env) {
    this._hooks = hooks;
    this._env = env;
    this._run = 0;
    this._running = false;
    this._failures = 0;
    this._abort = null;
    this._wake = null;
    this._atOnce = false;
    this._failure = "";
    this.openedAt = null;
  }

  start() {
    if (this._running) return;
    this._running = true;
    this._failures = 0;
    this._loop(++this._run);
  }

  stop() {
    this._running = false;
    this._run += 1;
    this._end();
  }

  // Give up what there is and try at once: somebody asks, or the machine has slept.
  again() {
    if (!this._running) return this.start();
    this._atOnce = true;
    this._failures = 0;
    return this._end();
  }

  // Give up a stream that says nothing any more; the next try waits its turn.
  silent() {
    if (this.openedAt !== null && this._abort) this._abort.abort();
  }

  _end() {
    if (this._abort) this._abort.abort();
    if (this._wake) this._wake();
  }

  async _loop(run) {
    while (run === this._run) {
      this._atOnce = false;
      const outcome = await this._attempt();
      if (run !== this._run) return;
      if (outcome.refused) {
        this._running = false;
        this._hooks.state({ phase: "refused", status: outcome.refused, message: outcome.message });
        return;
      }
      this._failure = outcome.message; // told until it goes better
      const ms = this._atOnce ? 0 : this._delay(outcome);
      if (ms) {
        this._hooks.state({
          phase: "waiting",
          until: this._env.now() + ms,
          message: outcome.message,
        });
        await this._sleep(ms);
      }
    }
  }

  _delay({ openedAt, floorMs }) {
    if (openedAt !== null && this._env.now() - openedAt >= HEALTHY_MS) this._failures = 0;
    const full = Math.min(BACKOFF_MS * 2 ** Math.min(this._failures, 10), BACKOFF_CAP_MS);
    this._failures += 1;
    const random = this._env.random();
    return Math.max(full / 2 + (full / 2) * random, floorMs * (1 + random / 4));
  }

  _sleep(ms) {
    return new Promise((resolve) => {
      const timer = this._env.setTimeout(resolve, ms);
      this._wake = () => {
        this._env.clearTimeout(timer);
        resolve();
      };
    });
  }

  async _attempt() {
    const abort = new AbortController();
    const timer = this._env.setTimeout(() => abort.abort(), ANSWER_MS);
    this._abort = abort;
    this.openedAt = null;
    let openedAt = null;
    try {
      this._hooks.state({ phase: "connecting", message: this._failure });
      const headers = { Accept: "text/event-stream" };
      const [cursor, token] = [this._hooks.cursor(), this._hooks.token()];
      if (cursor && /^[\x21-\x7e]+$/.test(cursor)) headers["Last-Event-ID"] = cursor;
      if (token) headers.Authorization = `Bearer ${token}`;
      const answer = await this._env.fetch(STREAM_URL, {
        headers,
        signal: abort.signal,
        cache: "no-store",
      });
      const refusal = await whyNot(answer, "text/event-stream");
      this._env.clearTimeout(timer);
      if (refusal) return { ...refusal, openedAt: null };
      this._hooks.build(answer.headers.get("Agentctl-Build"));
      this.openedAt = openedAt = this._env.now();
      this._hooks.state({ phase: "open" });
      const retryMs = await this._read(answer.body.getReader(), abort.signal);
      return { openedAt, floorMs: retryMs ?? BACKOFF_MS, message: "the server ended the stream" };
    } catch (error) {
      const message = error instanceof EventTooLarge ? error.message : brief(error, openedAt);
      return { openedAt, floorMs: 0, message };
    } finally {
      this._env.clearTimeout(timer);
      abort.abort(); // what is left of it frees its connection
      this.openedAt = null;
    }
  }

  async _read(reader, signal) {
    const decoder = new EventStreamDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) throw new DOMException("", "AbortError");
      if (done) return decoder.retryMs;
      for (const { data, type, lastEventId } of decoder.feed(value)) {
        const event = parsed(data);
        if (event) this._hooks.event({ cursor: lastEventId, type, ...event });
      }
    }
  }
}

function parsed(data) {
  try {
    const value = JSON.parse(data);
    return value && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

const brief = (error, openedAt) => {
  if (error && error.name === "AbortError")
    return openedAt === null ? "no answer" : "nothing was heard";
  return openedAt === null ? "the server cannot be reached" : "the connection was lost";
};

// Why an answer is not what was asked for; null where it is.
async function whyNot(answer, type) {
  const { status } = answer;
  if (status === 200 && (answer.headers.get("Content-Type") || "").startsWith(type)) return null;
  const body = await firstOf(answer);
  const said = parsed(body);
  const message = said && text(said.error) ? said.error : `HTTP ${status}`;
  if (status === 401 || status === 403) return { refused: status, message };
  if (status === 200) return { floorMs: 0, message: "what answers here is not agentctl" };
  const floorMs = status === 429 || status === 503 ? retryAfterMs(answer.headers) : 0;
  return { floorMs, message };
}

// The first few KB of a body.
async function firstOf(answer) {
  const reader = answer.body && answer.body.getReader();
  const decoder = new TextDecoder();
  let body = "";
  while (reader && body.length < 4096) {
    const { done, value } = await reader.read();
    if (done) return body;
    body += decoder.decode(value, { stream: true });
  }
  if (reader) reader.cancel().catch(() => {});
  return body;
}

// ---------------------------------------------------------------- tabs that share one stream

// One tab of this origin and path leads: it holds a Web Lock and the stream, and passes on what it
// hears. Without locks each tab has a stream of its own and lets go of it while it is hidden.
// `hooks`: lead(), follow(), message(object), hidden().
class Tabs {
  constructor(scope, hooks, env) {
    this._name = `agentctl:${scope}`;
    this._hooks = hooks;
    this._env = env;
    this.leads = false;
    this.alone = !(env.locks && env.BroadcastChannel);
    this._channel = null;
    this._release = null;
    this._round = 0;
  }

  start() {
    if (this.alone) {
      this.leads = true;
      this._hooks.lead();
      return;
    }
    this._channel = new this._env.BroadcastChannel(this._name);
    this._channel.onmessage = (message) => this._hooks.message(message.data);
    this._hooks.follow();
    this._request({});
  }

  // Let go: the page is put away.
  stop() {
    this._round += 1;
    this.leads = false;
    if (this._release) this._release();
    if (this._channel) this._channel.close();
    this._channel = this._release = null;
  }

  // Lead instead of a tab that does not answer, or cannot do it well.
  steal() {
    if (this._channel && !this.leads) this._request({ steal: true });
  }

  say(message) {
    if (this._channel) this._channel.postMessage(message);
  }

  async _request(options) {
    const round = ++this._round;
    const current = () => round === this._round;
    try {
      await this._env.locks.request(this._name, options, () => {
        if (!current()) return undefined;
        this.leads = true;
        this._hooks.lead();
        return new Promise((resolve) => (this._release = resolve));
      });
    } catch {
      // Stolen: another tab leads now.
      if (!current()) return;
      this.leads = false;
      this._hooks.follow();
      this._request({});
    }
  }
}

// ---------------------------------------------------------------- strips of the last hour

// A component's name as a pattern that matches it alone.
const exactly = (name) => name.replace(/[*?[]/g, "[$&]");

// The runs of a component out of the timeline's columns: [[from ms, state], ...].
function runsOf(columns, from, to) {
  const total = columns.reduce((sum, [, count]) => sum + count, 0) || 1;
  let at = 0;
  return columns.map(([state, count]) => {
    const begun = from + ((to - from) * at) / total;
    at += count;
    return [begun, state];
  });
}

// The worst state of each of so many columns between two times.
function columnsOf(runs, from, to, count) {
  const out = new Array(count).fill("absent");
  const width = (to - from) / count;
  const put = (begin, end, state) => {
    const first = Math.max(0, Math.floor((begin - from) / width));
    const last = Math.min(count - 1, Math.ceil((end - from) / width) - 1);
    for (let at = first; at <= last; at += 1) {
      if (WORST.indexOf(state) > WORST.indexOf(out[at])) out[at] = state;
    }
  };
  if (!runs.length || runs[0][0] > from) put(from, runs.length ? runs[0][0] : to, "unseen");
  runs.forEach(([begin, state], at) => {
    const end = at + 1 < runs.length ? runs[at + 1][0] : to;
    if (end >= from && begin < to) put(begin, Math.max(end, begin + 1), state);
  });
  return out;
}

// Names for one request: as many as its line has room for.
function firstNames(rows) {
  const names = new Set();
  let room = MAX_QUERY;
  for (const { component } of rows) {
    if (names.has(component)) continue;
    room -= "&component=".length + encodeURIComponent(exactly(component)).length;
    if (names.size && (room < 0 || names.size === MAX_NAMES)) break;
    names.add(component);
  }
  return [...names];
}

// Fetches the strips of rows in view, a few names in a request, one request at a time.
class StripLoader {
  constructor(hooks, env) {
    this._hooks = hooks; // loaded(rows), token()
    this._env = env;
    this._wanted = new Map();
    this._busy = false;
    this._timer = null;
    this._absent = false;
    this._notBefore = 0;
    this.on = false;
  }

  // The stream is open (again): what is known may have holes, and the route may be there now.
  reset(on) {
    this.on = on;
    this._absent = false;
    this._wanted.clear();
    this._notBefore = 0;
  }

  want(row) {
    if (row.loaded || !this.on || this._absent) return;
    this._wanted.set(row.key, row);
    this._later(150);
  }

  forget(row) {
    this._wanted.delete(row.key);
  }

  _later(ms) {
    if (this._timer !== null || this._busy) return;
    this._timer = this._env.setTimeout(
      () => {
        this._timer = null;
        this._load();
      },
      Math.max(ms, this._notBefore - this._env.now()),
    );
  }

  async _load() {
    const rows = [...this._wanted.values()];
    const names = firstNames(rows);
    const batch = rows.filter((row) => names.includes(row.component));
    if (!batch.length || !this.on) return;
    this._busy = true;
    batch.forEach((row) => this._wanted.delete(row.key));
    const failed = await this._fetch(names, batch);
    this._busy = false;
    if (failed) {
      this._notBefore = this._env.now() + failed;
      batch.forEach((row) => this._wanted.set(row.key, row));
    }
    if (this._wanted.size && !this._absent) this._later(20);
  }

  // Returns how long to wait before the next try, 0 where all went well.
  async _fetch(names, batch) {
    const query = new URLSearchParams({ since: "1h", columns: String(COLUMNS), clusters: "1" });
    names.forEach((name) => query.append("component", exactly(name)));
    try {
      const answer = await timeline(query, this._hooks.token(), this._env);
      if (answer.refused) {
        this._absent = answer.refused === 404 || answer.refused === 400;
        return this._absent ? 0 : Math.max(answer.waitMs, 15000 * (1 + this._env.random()));
      }
      const { body } = answer;
      const [from, to] = [Date.parse(body.from), Date.parse(body.to)];
      const found = new Map(list(body.components).map((one) => [keyOf(one), one]));
      for (const row of batch) this._take(row, found.get(row.key), from, to);
      this._hooks.loaded(batch);
      return 0;
    } catch {
      return 15000 * (1 + this._env.random());
    }
  }

  _take(row, one, from, to) {
    row.loaded = true;
    if (!one || !Array.isArray(one.columns) || Number.isNaN(from)) return;
    const runs = runsOf(one.columns, from, to);
    const since = Date.parse(one.since);
    if (!row.began && since <= row.since) {
      row.since = since;
      row.began = one.since_seen === true;
    }
    advance(row.strip, to);
    recall(row.strip, runs, to);
  }
}

// One request of the timeline: { body } or { refused, waitMs }.
async function timeline(query, token, env) {
  const abort = new AbortController();
  const timer = env.setTimeout(() => abort.abort(), ANSWER_MS);
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const url = `${STATUS_URL}/timeline?${query}`;
    const answer = await env.fetch(url, { headers, signal: abort.signal, cache: "no-store" });
    if (!answer.ok) return { refused: answer.status, waitMs: retryAfterMs(answer.headers) };
    return { body: await answer.json() };
  } finally {
    env.clearTimeout(timer);
  }
}

// ---------------------------------------------------------------- filters, times and shapes

const FILTERS = ["q", "cluster", "ns", "status"];

// The fragment as filters: #q=temporal&status=error,degraded&ns=agents&cluster=west&tv
function filtersOf(fragment) {
  const found = new URLSearchParams(fragment.replace(/^#/, ""));
  const wanted = (found.get("status") || "").split(",").filter((one) => STATUSES.includes(one));
  const [q, cluster, ns] = ["q", "cluster", "ns"].map((name) => found.get(name) || "");
  return { q, cluster, ns, status: wanted, tv: found.has("tv") && found.get("tv") !== "0" };
}

function fragmentOf(filters) {
  const parts = new URLSearchParams();
  for (const name of FILTERS) if (String(filters[name])) parts.set(name, String(filters[name]));
  const written = parts.toString().replaceAll("%2C", ",");
  return [written, filters.tv ? "tv" : ""].filter(Boolean).join("&");
}

function passes(row, filters) {
  if (filters.cluster && row.cluster !== filters.cluster) return false;
  if (filters.ns && row.namespace !== filters.ns) return false;
  if (filters.status.length && !filters.status.includes(row.status)) return false;
  const words = filters.q.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const where = `${row.cluster}/${row.namespace}/${row.component} ${row.message}`.toLowerCase();
  return words.every((word) => where.includes(word));
}

// The server's time of day, in UTC; with the day where that is another.
function clock(ms, nowMs) {
  const [iso, today] = [new Date(ms).toISOString(), new Date(nowMs).toISOString()];
  const time = iso.slice(11, 19);
  return iso.slice(0, 10) === today.slice(0, 10) ? time : `${iso.slice(5, 10)} ${time.slice(0, 5)}`;
}

// Whole, in at most two units: 5s, 3m20s, 2h5m, 4d2h.
function age(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  for (const [unit, size, smaller, part] of [
    ["d", 86400, "h", 3600],
    ["h", 3600, "m", 60],
    ["m", 60, "s", 1],
  ]) {
    if (total >= size)
      return `${Math.floor(total / size)}${unit}${Math.floor((total % size) / part)}${smaller}`;
  }
  return `${total}s`;
}

// Each status has a shape of its own: [outline, its mark]; a lone mark is drawn as lines.
const NAMED = { unseen: "not watched", stale: "not live" };
const SHAPES = {
  healthy: ["M12 1a11 11 0 1 0 0 22a11 11 0 1 0 0-22z", "M6.5 12.5l4 4l7-8"],
  configured: [
    "M12 1a11 11 0 1 0 0 22a11 11 0 1 0 0-22zM12 4.5a7.5 7.5 0 1 1 0 15a7.5 7.5 0 1 1 0-15zM12 8.5a3.5 3.5 0 1 1 0 7a3.5 3.5 0 1 1 0-7z",
    "",
  ],
  unknown: [
    "M12 .5L23.5 12L12 23.5L.5 12z",
    "M9.3 9.6a2.8 2.8 0 1 1 4.3 2.3c-1.1.7-1.6 1.2-1.6 2.3M12 17.2v.1",
  ],
  degraded: ["M12 1.5L23.5 22H.5z", "M12 9v6M12 18.4v.1"],
  error: ["M7.4 1h9.2L23 7.4v9.2L16.6 23H7.4L1 16.6V7.4z", "M8 8l8 8M16 8l-8 8"],
  stale: ["", "M4 4l16 16M12 3a9 9 0 0 1 9 9M12 21a9 9 0 0 1-9-9"],
  waiting: ["", "M4 12v.1M12 12v.1M20 12v.1"],
  removed: ["", "M4 12h16"],
  paused: ["", "M8 5v14M16 5v14"],
};
const COLOURS = {
  healthy: "#1f8a3f",
  configured: "#1f7a99",
  unknown: "#7a4bd1",
  degraded: "#c27a00",
  error: "#c4262e",
  stale: "#777777",
  waiting: "#2f6fd0",
  removed: "#2f6fd0",
  paused: "#2f6fd0",
};
const HEIGHTS = {
  healthy: 6,
  configured: 6,
  unknown: 9,
  degraded: 11,
  error: 14,
  stale: 4,
  unseen: 14,
};
const SVG = "http://www.w3.org/2000/svg";

function svg(document, name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// The favicon of a state, as a data: URL.
function favicon(state) {
  const [outline, mark] = SHAPES[state];
  const colour = COLOURS[state];
  const filled = outline ? `<path fill="${colour}" d="${outline}"/>` : "";
  const line = outline ? "#fff" : colour;
  const drawn = `<path fill="none" stroke="${line}" stroke-width="3" stroke-linecap="round" d="${mark}"/>`;
  return `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="${SVG}" viewBox="0 0 24 24">${filled}${drawn}</svg>`)}`;
}

// ---------------------------------------------------------------- view

const FLUSH_MS = 500; // between two frames, while things change: nobody reads faster
const FIRST_ROWS = 100; // what a screen holds is shown first, the others right after it
const ANNOUNCE_MS = 2000; // a verdict that holds for so long is said aloud

// All that is seen of the page. `hooks`: token(text), now(), reload(), filtered(), wanted(row),
// unwanted(row), spans(row), serverNow().
class View {
  constructor(document, model, hooks) {
    this._document = document;
    this._model = model;
    this._hooks = hooks;
    this._by = (id) => document.getElementById(id);
    this._elements = new Map(); // by key: the parts of a row
    this._groups = new Map();
    this._dirty = new Set();
    this._structure = false;
    this._unseen = false; // what changed while the tab was hidden
    this._feed = [];
    this._fresh = 0;
    this._limit = FIRST_ROWS;
    this._flushed = -Infinity;
    this._timer = null;
    this._detail = null;
    this._choices = "";
    this._said = "";
    this._state = null;
    this.filters = filtersOf(document.location.hash);
    this._template = this._by("row-template").content.firstElementChild;
    this._observer = new IntersectionObserver((entries) => this._seen(entries), {
      rootMargin: "150px",
    });
    this._shapes();
    this._controls();
    this._applyFilters();
  }

  // Take what an event brought.
  news(news) {
    news.changed.forEach((row) => this._dirty.add(row));
    this._structure = this._structure || news.structure || news.losses;
    if (this.filters.status.length || this.filters.q)
      this._structure = this._structure || news.changed.length > 0;
    if (news.changes.length) {
      this._feed.push(...news.changes);
      this._fresh += news.changes.length;
      if (this._feed.length > MAX_FEED) this._feed.splice(0, this._feed.length - MAX_FEED);
    }
    this.schedule();
  }

  redraw() {
    this._structure = true;
    this.schedule();
  }

  schedule() {
    if (this._timer !== null) return;
    const wait = this._document.hidden
      ? 1000
      : Math.max(0, this._flushed + FLUSH_MS - performance.now());
    this._timer = setTimeout(() => this.flush(), wait);
  }

  flush() {
    clearTimeout(this._timer);
    this._timer = null;
    this._flushed = performance.now();
    this._verdict();
    if (this._document.hidden) {
      this._dirty.clear(); // when it is looked at, all of it is
      this._structure = this._unseen = true;
      return;
    }
    if (this._unseen) {
      this._unseen = false;
      for (const row of this._model.rows.values()) this._dirty.add(row);
    }
    if (this._structure) {
      this._structure = false;
      this._choose();
      this._arrange();
      this._lossList();
    }
    for (const row of this._dirty) {
      const parts = this._elements.get(row.key);
      if (parts) this._fill(parts, row);
    }
    this._dirty.clear();
    this._count();
    this._trouble();
    this._changes();
    if (this._detail && this._by("detail").open) this._fillDetail();
  }

  // ----- verdict, liveness, loss

  _verdict() {
    const paused = this._live === "paused";
    const found = verdictOf(this._model);
    const shape = paused ? "paused" : found.state;
    if (this._state !== shape) {
      this._state = shape;
      this._by("icon").href = favicon(shape);
    }
    put(this._by("verdict-word"), paused ? "Paused" : found.word);
    put(this._by("verdict-note"), paused ? "this tab has let go of the stream" : found.note);
    this._by("verdict").dataset.state = paused ? "waiting" : found.state;
    this._shape(this._by("verdict-shape"), paused ? "paused" : found.state);
    const name = this._live === "late" ? "late · " : "";
    const bad = found.count && !paused ? ` (${found.count})` : "";
    const title = `${name}${paused ? "Paused" : found.word}${bad} · agentctl`;
    if (this._document.title !== title) this._document.title = title;
    if (!paused && found.word !== this._word) {
      this._word = found.word;
      clearTimeout(this._announcing);
      this._announcing = setTimeout(() => this._announce(), ANNOUNCE_MS);
    }
  }

  _announce() {
    const { word, note } = verdictOf(this._model);
    if (word === this._said) return;
    this._said = word;
    put(this._by("announce"), `Control plane: ${word}. ${note}`);
  }

  // `live`: connecting, live, late, lost, paused; told once a second.
  liveness(live, note, canTry) {
    const changed = live !== this._live;
    this._live = live;
    if (this._document.hidden && !changed) return;
    this._by("live").dataset.live = live;
    put(this._by("live-word"), live);
    put(this._by("live-note"), note);
    this._by("now").hidden = !canTry;
    if (changed) this.redraw();
  }

  tokenWanted(message) {
    const form = this._by("token");
    put(this._by("token-text"), message);
    if (form.hidden === Boolean(message)) {
      form.hidden = !message;
      if (message && !this._document.hidden) this._by("token-value").focus();
    }
  }

  buildOffered(message) {
    put(this._by("build-text"), message);
    this._by("build").hidden = !message;
  }

  _lossList() {
    const section = this._by("losses");
    const errors = this._model.losses.errors;
    section.hidden = !errors.length;
    const now = this._hooks.serverNow();
    const lines = errors.map((error) => {
      const sources = sourcesOf(error);
      const more = sources.length > 1 ? ` and ${sources.length - 1} more` : "";
      const who = [text(error.cluster), `${sources[0]}${more}`].filter(Boolean).join(" · ");
      const at = Date.parse(error.since);
      const since = Number.isNaN(at) ? "" : ` since ${clock(at, now)} UTC`;
      const item = this._document.createElement("li");
      item.append(
        this._icon("stale"),
        this._span("who", `${who}: not seen${since}`),
        this._span("message", cause(error)),
      );
      return item;
    });
    section.firstElementChild.replaceChildren(...lines);
  }

  // ----- rows

  _arrange() {
    const groups = new Map();
    let [shown, total, first] = [0, 0, null];
    for (const row of this._model.rows.values()) {
      if (!passes(row, this.filters)) continue;
      total += 1;
      if (shown >= this._limit) continue;
      shown += 1;
      const name = placeOf(row);
      if (!groups.has(name)) groups.set(name, { rows: [], row });
      groups.get(name).rows.push(row);
      first = first || row.key;
    }
    const holder = this._by("groups");
    let at = holder.firstElementChild;
    for (const [name, { rows, row }] of groups) {
      const group = this._groups.get(name) || this._newGroup(name);
      if (group.section === at) at = at.nextElementSibling;
      else holder.insertBefore(group.section, at);
      group.section.classList.toggle("stale", this._model.isStale(row));
      put(group.stale, this._model.isStale(row) ? "not live" : "");
      this._place(group, rows);
    }
    while (at) {
      const next = at.nextElementSibling;
      this._groups.delete(at.dataset.name);
      at.remove();
      at = next;
    }
    this._drop();
    this._document.body.classList.toggle("dense", total > 40);
    this._by("axis").hidden = !shown;
    this._by("components").hidden = !this._model.begun;
    const hidden = this._model.rows.size - total;
    put(
      this._by("shown"),
      hidden ? `${total} of ${this._model.rows.size} shown; the verdict is on all` : "",
    );
    this._by("filter-clear").hidden = !hidden && !this._filtering();
    const more = this._by("more");
    more.hidden = total <= shown;
    put(more, `Show ${Math.min(MAX_ROWS, total - shown)} more of ${total}`);
    if (!this._focus || !this._elements.has(this._focus)) this._focusable(first);
    if (this._limit === FIRST_ROWS && shown) {
      this._limit = MAX_ROWS;
      more.hidden = true;
      if (total > shown) this.redraw();
    }
  }

  _place(group, rows) {
    let at = group.list.firstElementChild;
    for (const row of rows) {
      const parts = this._elements.get(row.key) || this._newRow(row);
      parts.kept = true;
      if (parts.item === at) at = at.nextElementSibling;
      else group.list.insertBefore(parts.item, at);
    }
    while (at) {
      const next = at.nextElementSibling;
      at.remove();
      at = next;
    }
  }

  // Forget the rows that are not shown any more.
  _drop() {
    for (const [key, parts] of this._elements) {
      if (parts.kept) parts.kept = false;
      else {
        this._observer.unobserve(parts.item);
        this._hooks.unwanted(parts.row);
        parts.item.remove();
        this._elements.delete(key);
      }
    }
  }

  _newGroup(name) {
    const make = (tag, kind) =>
      Object.assign(this._document.createElement(tag), { className: kind });
    const [section, heading] = [make("section", "group"), make("h3", "")];
    const [title, counts, stale] = [
      this._span("title", name || "default"),
      make("span", "counts"),
      make("span", "lost"),
    ];
    const rows = make("ul", "rows");
    section.dataset.name = name;
    title.dir = "auto";
    heading.append(title, counts, stale);
    section.append(heading, rows);
    const group = { section, counts, stale, list: rows };
    this._groups.set(name, group);
    return group;
  }

  _newRow(row) {
    const item = this._template.cloneNode(true);
    const find = (selector) => item.querySelector(selector);
    const parts = {
      item,
      row,
      button: find("button"),
      use: find("use"),
      word: find(".word"),
      name: find(".name"),
      message: find(".message"),
      since: find(".since"),
      strip: find(".strip"),
      inView: false,
      kept: false,
    };
    parts.name.textContent = row.component;
    if (row.component.length > 24) parts.name.title = row.component;
    item.dataset.key = row.key;
    this._elements.set(row.key, parts);
    this._fill(parts, row);
    this._observer.observe(item);
    return parts;
  }

  _fill(parts, row) {
    parts.row = row;
    if (parts.status !== row.status) {
      parts.status = row.status;
      parts.item.dataset.status = row.status;
      this._shape(parts.use, row.status);
      parts.word.textContent = row.status;
    }
    if (parts.told !== row.message) {
      parts.told = row.message;
      parts.message.textContent = row.message;
      parts.message.title = row.message;
    }
    const since = `${row.began ? "" : "≤ "}${clock(row.since, this._hooks.serverNow())}`;
    if (parts.sinceText !== since) {
      parts.sinceText = since;
      parts.since.textContent = since;
      parts.since.dateTime = new Date(row.since).toISOString();
      parts.since.title = `${row.began ? "since" : "since before"} ${new Date(row.since).toISOString()} (UTC)`;
    }
    if (parts.inView) this._strip(parts);
  }

  _seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const parts = this._elements.get(target.dataset.key);
      if (!parts || parts.item !== target) continue;
      parts.inView = isIntersecting;
      if (isIntersecting) {
        this._hooks.wanted(parts.row);
        this._strip(parts);
      } else this._hooks.unwanted(parts.row);
    }
  }

  // Strips of rows in view: as time goes on, or since they were loaded.
  strips(rows) {
    if (this._document.hidden) return;
    if (!rows) this._axis();
    else this.schedule();
    for (const parts of rows
      ? rows.map((row) => this._elements.get(row.key))
      : this._elements.values()) {
      if (!parts) continue;
      if (rows) this._fill(parts, parts.row);
      else if (parts.inView) this._strip(parts);
      if (parts.inView) this._hooks.wanted(parts.row);
    }
  }

  _strip(parts) {
    const to = this._hooks.serverNow();
    const columns = minutesOf(parts.row.strip, to);
    const drawn = columns.join();
    if (parts.drawn === drawn) return;
    parts.drawn = drawn;
    parts.strip.replaceChildren(
      this._picture(columns, 2),
      this._span("heard", `; last hour: ${summary(columns)}`),
    );
    parts.strip.title = `last hour: ${summary(columns)}`;
  }

  // Columns as an SVG, so many units wide each: the worse, the higher.
  _picture(columns, width) {
    const paths = {};
    for (let at = 0, end; at < columns.length; at = end) {
      const state = columns[at];
      for (end = at; end < columns.length && columns[end] === state; end += 1);
      const high = HEIGHTS[state];
      if (high)
        paths[state] =
          `${paths[state] || ""}M${at * width} ${14 - high}h${(end - at) * width}v${high}h-${(end - at) * width}z`;
    }
    const drawn = Object.entries(paths).map(([state, d]) =>
      svg(this._document, "path", { class: `s-${state}`, d }),
    );
    const size = {
      viewBox: `0 0 ${columns.length * width} 14`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    };
    return svg(this._document, "svg", size, ...drawn);
  }

  _axis() {
    if (!this._model.begun) return;
    const to = this._hooks.serverNow();
    put(
      this._by("axis-text"),
      `times in UTC · strips ${clock(to - HOUR_MS, to).slice(-8, -3)} to ${clock(to, to).slice(0, 5)}`,
    );
  }

  _count() {
    const counts = new Map();
    const all = countsOf([]);
    for (const row of this._model.rows.values()) {
      all[row.status] += 1;
      const name = placeOf(row);
      if (!counts.has(name)) counts.set(name, countsOf([]));
      counts.get(name)[row.status] += 1;
    }
    for (const [name, group] of this._groups) put(group.counts, inWords(counts.get(name) || all));
    for (const status of STATUSES) put(this._by(`count-${status}`), String(all[status]));
  }

  // The worst few, with their whole message; nothing that is not seen.
  _trouble() {
    const bad = [];
    for (const row of this._model.rows.values()) {
      if (severity(row.status) > 0 && decides(row) && !this._model.isStale(row)) bad.push(row);
    }
    bad.sort((one, other) => severity(other.status) - severity(one.status));
    const section = this._by("trouble");
    section.hidden = !bad.length;
    const worst = bad.slice(0, MAX_TROUBLE);
    section.classList.toggle("many", worst.length > 4);
    worst.forEach((row) => row.began || this._hooks.wanted(row));
    const drawn = JSON.stringify(
      worst.map((row) => [row.key, row.status, row.message, row.since, bad.length]),
    );
    if (drawn === this._troubleDrawn) return;
    this._troubleDrawn = drawn;
    const several = this._groups.size > 1;
    const now = this._hooks.serverNow();
    const places = section.querySelector("ul");
    const focused = this._document.activeElement?.dataset?.key;
    places.replaceChildren(
      ...worst.map((row) => {
        const item = Object.assign(this._document.createElement("li"), { className: "row" });
        const button = this._document.createElement("button");
        button.type = "button";
        button.dataset.key = row.key;
        item.dataset.status = row.status;
        const where = several ? placeOf(row) : "";
        const since = this._span(
          "since",
          `${row.began ? "since " : "≤ "}${clock(row.since, now)} UTC`,
        );
        button.append(
          this._icon(row.status),
          this._span("word", row.status),
          this._span("name", row.component),
          this._span("where", where),
          this._span("message", row.message),
          since,
        );
        item.append(button);
        return item;
      }),
    );
    if (focused)
      [...places.querySelectorAll("button")].find((one) => one.dataset.key === focused)?.focus();
    put(
      this._by("trouble-more"),
      bad.length > worst.length ? `and ${bad.length - worst.length} more` : "",
    );
  }

  // The changes, the newest first.
  _changes() {
    if (!this._fresh) return;
    const fresh = this._feed.slice(-Math.min(this._fresh, MAX_FEED / 2));
    this._fresh = 0;
    this._by("changes").hidden = false;
    const now = this._hooks.serverNow();
    const places = this._by("changes").querySelector("ol");
    places.prepend(...fresh.reverse().map((one) => this._changeItem(one, now)));
    while (places.childElementCount > MAX_FEED / 2) places.lastElementChild.remove();
  }

  _changeItem(one, now) {
    const item = this._document.createElement("li");
    const time = Object.assign(this._document.createElement("time"), {
      dateTime: new Date(one.at).toISOString(),
      textContent: clock(one.at, now),
      title: "UTC",
    });
    item.append(time);
    if (one.notice) {
      item.append(
        this._span("name", [one.cluster, one.notice].filter(Boolean).join(" · ")),
        this._span("message", one.message),
      );
      return item;
    }
    item.dataset.status = one.status;
    const where = this._groups.size > 1 ? placeOf(one) : "";
    const was = one.before && one.before !== one.status ? `was ${one.before}` : "";
    item.append(
      this._icon(one.status),
      this._span("word", one.status),
      this._span("name", one.component),
      this._span("where", where),
      this._span("was", was),
      this._span("message", one.message),
    );
    return item;
  }

  // ----- detail

  open(key) {
    const row = this._model.rows.get(key);
    if (!row) return;
    this._detail = { key, row, spans: null, drawn: "" };
    this._fillDetail();
    if (!this._by("detail").open) this._by("detail").showModal();
    this._hooks.spans(row).then((spans) => {
      if (this._detail && this._detail.key === key) this._detail.spans = spans;
      this.schedule();
    });
  }

  _fillDetail() {
    const { key, spans } = this._detail;
    const row = this._model.rows.get(key) || {
      ...this._detail.row,
      status: "unknown",
      message: "is watched no more",
    };
    const now = this._hooks.serverNow();
    const drawn = JSON.stringify([
      row.status,
      row.message,
      row.since,
      row.details,
      spans && spans.length,
      Math.floor(now / 60000),
      this._model.isStale(row),
    ]);
    if (drawn === this._detail.drawn) return;
    this._detail.drawn = drawn;
    const stale = this._model.isStale(row);
    const at = new Date(row.since).toISOString().slice(0, 19).replace("T", " ");
    put(this._by("detail-name"), row.component);
    const status = this._by("detail-status");
    status.dataset.status = stale ? "stale" : row.status;
    status.replaceChildren(
      this._icon(stale ? "stale" : row.status),
      this._span("word", stale ? `was ${row.status}, not live` : row.status),
      this._span(
        "since",
        `${row.began ? "since" : "since before"} ${at} UTC, ${row.began ? "" : "> "}${age(now - row.since)}`,
      ),
    );
    put(this._by("detail-message"), row.message);
    const facts = [
      ["cluster", row.cluster],
      ["namespace", row.namespace],
      ...Object.entries(row.details || {}),
    ];
    this._by("detail-facts").replaceChildren(
      ...facts
        .filter(([, value]) => value !== "")
        .slice(0, 30)
        .flatMap(([name, value]) => {
          const [term, fact] = [
            this._document.createElement("dt"),
            this._document.createElement("dd"),
          ];
          term.textContent = name;
          fact.textContent = typeof value === "string" ? value : JSON.stringify(value);
          return [term, fact];
        }),
    );
    const runs = spans && spans.map((span) => [Date.parse(span.from), span.status]);
    const wide = runs ? columnsOf(runs, now - HOUR_MS, now, 240) : minutesOf(row.strip, now);
    const ends = this._document.createElement("figcaption");
    ends.append(
      this._span("", `${clock(now - HOUR_MS, now).slice(-8, -3)} UTC`),
      this._span("", "last hour"),
      this._span("", `${clock(now, now).slice(0, 5)} UTC`),
    );
    const strip = this._by("detail-strip");
    strip.replaceChildren(this._picture(wide, 480 / wide.length), ends);
    const told = (spans || []).slice(-50).reverse();
    this._by("detail-spans").replaceChildren(
      ...told.map((span) => {
        const item = this._document.createElement("li");
        const state = span.status;
        item.dataset.status = state;
        item.append(
          this._span("since", `from ${clock(Date.parse(span.from), now)} UTC`),
          this._icon(state in SHAPES ? state : "waiting"),
          this._span("word", NAMED[state] || state),
          this._span("message", text(span.message)),
        );
        return item;
      }),
    );
  }

  // ----- controls

  _controls() {
    const status = this._by("filter-status");
    for (const name of STATUSES) {
      const [label, box] = [
        this._document.createElement("label"),
        this._document.createElement("input"),
      ];
      Object.assign(box, { type: "checkbox", value: name });
      label.dataset.status = name;
      label.append(
        box,
        this._icon(name),
        this._span("word", name),
        Object.assign(this._span("count", "0"), { id: `count-${name}` }),
      );
      status.append(label);
    }
    const changed = () => this._filtersChosen();
    this._by("filter-text").addEventListener("input", changed);
    this._by("controls").addEventListener("change", changed);
    this._by("controls").addEventListener("submit", (event) => event.preventDefault());
    this._by("filter-clear").addEventListener("click", () =>
      this.filter({ ...filtersOf(""), tv: this.filters.tv }),
    );
    this._by("more").addEventListener("click", () => {
      this._limit += MAX_ROWS;
      this.redraw();
    });
    const opens = (event) => {
      const button = event.target.closest("button");
      const key = button && (button.dataset.key || button.closest("li.row")?.dataset.key);
      if (key) this.open(key);
    };
    this._by("groups").addEventListener("click", opens);
    this._by("trouble").addEventListener("click", opens);
    this._by("groups").addEventListener("keydown", (event) => this._move(event));
    this._by("groups").addEventListener("focusin", (event) => {
      const key = event.target.closest("li.row")?.dataset.key;
      if (key && key !== this._focus) this._focusable(key);
    });
    this._by("detail-close").addEventListener("click", () => this._by("detail").close());
    this._by("detail").addEventListener("click", (event) => {
      if (event.target === this._by("detail")) this._by("detail").close();
    });
    this._by("now").addEventListener("click", () => this._hooks.now());
    this._by("reload").addEventListener("click", () => this._hooks.reload());
    this._by("token").addEventListener("submit", (event) => {
      event.preventDefault();
      const value = this._by("token-value").value.trim();
      if (!/^[\x21-\x7e]+$/.test(value))
        put(this._by("token-text"), "A token is one word of visible ASCII characters.");
      else {
        this._by("token-value").value = "";
        this._hooks.token(value);
      }
    });
    this._document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.filters.tv && !this._by("detail").open)
        this.filter({ ...this.filters, tv: false });
    });
    this._document.defaultView.addEventListener("hashchange", () =>
      this.filter(filtersOf(this._document.location.hash), true),
    );
    this._by("wall").addEventListener("click", (event) => {
      event.preventDefault();
      this.filter({ ...this.filters, tv: true });
    });
    const legend = ["healthy", "configured", "unknown", "degraded", "error", "stale", "unseen"];
    this._by("legend").append(
      ...legend.map((state) => {
        const one = this._span("key", "");
        one.append(this._picture(new Array(6).fill(state), 2), NAMED[state] || state);
        return one;
      }),
    );
  }

  // Arrows go through the rows, which are one stop of the Tab key.
  _move(event) {
    const steps = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: "down",
      ArrowUp: "up",
      Home: -Infinity,
      End: Infinity,
    };
    const step = steps[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    const items = [...this._by("groups").querySelectorAll("li.row")];
    const at = items.indexOf(event.target.closest("li.row"));
    if (at < 0) return;
    let to = at + (typeof step === "number" ? step : 0);
    if (typeof step === "string") {
      const left = items[at].offsetLeft;
      const way = step === "down" ? 1 : -1;
      for (to = at + way; items[to] && Math.abs(items[to].offsetLeft - left) > 2; to += way);
    }
    const target = items[Math.min(items.length - 1, Math.max(0, to))];
    event.preventDefault();
    target.querySelector("button").focus();
  }

  _focusable(key) {
    const [before, after] = [this._elements.get(this._focus), this._elements.get(key)];
    if (before) before.button.tabIndex = -1;
    if (after) after.button.tabIndex = 0;
    this._focus = key;
  }

  _filtersChosen() {
    const boxes = [...this._by("filter-status").querySelectorAll("input:checked")];
    this.filter({
      q: this._by("filter-text").value,
      cluster: this._by("filter-cluster").value,
      ns: this._by("filter-namespace").value,
      status: boxes.map((box) => box.value),
      tv: this.filters.tv,
    });
  }

  filter(filters, told = false) {
    this.filters = filters;
    if (!told) {
      const { pathname, search } = this._document.location;
      const fragment = fragmentOf(filters);
      this._document.defaultView.history.replaceState(
        null,
        "",
        `${pathname}${search}${fragment ? `#${fragment}` : ""}`,
      );
    }
    this._limit = MAX_ROWS;
    this._applyFilters();
    this.redraw();
  }

  _filtering() {
    return FILTERS.some((name) => String(this.filters[name]));
  }

  _applyFilters() {
    const { q, cluster, ns, status, tv } = this.filters;
    this._document.documentElement.classList.toggle("tv", tv);
    this._by("controls").hidden = tv;
    if (this._by("filter-text").value !== q) this._by("filter-text").value = q;
    this._select("filter-cluster", cluster);
    this._select("filter-namespace", ns);
    for (const box of this._by("filter-status").querySelectorAll("input"))
      box.checked = status.includes(box.value);
  }

  // The clusters and namespaces there are to choose from.
  _choose() {
    const rows = [...this._model.rows.values()];
    const clusters = [...new Set(rows.map((row) => row.cluster))];
    const namespaces = [...new Set(rows.map((row) => row.namespace))];
    const choices = JSON.stringify([clusters, namespaces]);
    if (choices === this._choices) return;
    this._choices = choices;
    const offer = (id, all, found, chosen) => {
      const options = found.map((name) => new Option(name, name));
      this._by(id).replaceChildren(new Option(all, ""), ...options);
      this._by(id).hidden = found.length < 2;
      this._select(id, chosen);
    };
    offer("filter-cluster", "all clusters", clusters, this.filters.cluster);
    offer("filter-namespace", "all namespaces", namespaces, this.filters.ns);
  }

  _select(id, value) {
    const select = this._by(id);
    if (value && ![...select.options].some((one) => one.value === value))
      select.append(new Option(value, value));
    select.value = value;
    if (value) select.hidden = false;
  }

  // ----- small parts

  _shapes() {
    const symbols = Object.entries(SHAPES).map(([name, [outline, mark]]) => {
      const paths = [];
      if (outline)
        paths.push(
          svg(this._document, "path", { d: outline, class: "outline", "fill-rule": "evenodd" }),
        );
      if (mark)
        paths.push(svg(this._document, "path", { d: mark, class: outline ? "mark" : "line" }));
      return svg(this._document, "symbol", { id: `shape-${name}`, viewBox: "0 0 24 24" }, ...paths);
    });
    this._by("defs").append(...symbols);
  }

  _shape(use, name) {
    const href = `#shape-${name}`;
    if (use.getAttribute("href") !== href) use.setAttribute("href", href);
  }

  _icon(name) {
    const use = svg(this._document, "use", { href: `#shape-${name}` });
    return svg(this._document, "svg", { class: "shape", "aria-hidden": "true" }, use);
  }

  _span(kind, content) {
    const element = this._document.createElement("span");
    if (kind) element.className = kind;
    if (kind === "name" || kind === "message") element.dir = "auto";
    element.textContent = content;
    return element;
  }
}

function put(element, content) {
  if (element && element.textContent !== content) element.textContent = content;
}

// How long a strip was what, in words: "healthy 58 min, error 2 min".
function summary(columns) {
  const minutes = new Map();
  for (const state of columns) minutes.set(state, (minutes.get(state) || 0) + 60 / columns.length);
  return [...minutes]
    .filter(([state]) => state !== "absent")
    .map(([state, count]) => `${NAMED[state] || state} ${Math.round(count)} min`)
    .join(", ");
}

// ---------------------------------------------------------------- the page put together

const PAUSE_MS = 5000; // that a tab without locks may be hidden before it lets go
const TOKEN_KEY = "agentctl-token";
const RELOADED_KEY = "agentctl-reloaded";
const RELOAD_GUARD_MS = 600 * 1000; // between two replicas of two builds nobody is to flip

class StatusPage {
  constructor(document, env) {
    this._document = document;
    this._env = env;
    this._build = document.querySelector('meta[name="agentctl-build"]').content;
    this._other = "";
    this._model = new Model();
    this._liveness = new Liveness(env);
    this._connection = { phase: "connecting" };
    this._token = this._stored(TOKEN_KEY);
    this._id = `${env.now()}-${env.random()}`;
    this._stolen = -Infinity;
    this._answeredAt = -Infinity; // by the tab that leads
    this._leaderHidden = false;
    this._paused = false;
    this._minute = 0;
    this._reader = new StreamReader(
      {
        event: (event) => this._lead(event),
        state: (state) => this._state(state),
        build: (build) => this._built(build),
        cursor: () => this._model.cursor,
        token: () => this._token,
      },
      env,
    );
    this._tabs = new Tabs(
      `${document.location.pathname} ${this._build}`, // another build may say other things
      {
        lead: () => this._leads(),
        follow: () => this._follows(),
        message: (message) => this._told(message),
      },
      env,
    );
    this._loader = new StripLoader(
      {
        token: () => this._token,
        loaded: (rows) => this._view.strips(rows),
      },
      env,
    );
    this._view = new View(document, this._model, {
      token: (token) => this._tokenGiven(token),
      now: () => this._tryNow(),
      reload: () => document.location.reload(),
      wanted: (row) => this._loader.want(row),
      unwanted: (row) => this._loader.forget(row),
      spans: (row) => this._spans(row),
      serverNow: () => this._model.serverNow(env.now()),
    });
  }

  start() {
    const view = this._document.defaultView;
    this._document.addEventListener("visibilitychange", () => this._visibility());
    this._document.addEventListener("resume", () => this._woke());
    view.addEventListener("online", () => this._tryNow());
    view.addEventListener("pagehide", () => this._putAway());
    view.addEventListener("pageshow", (event) => event.persisted && this._takenOut());
    this._tabs.start();
    this._env.setInterval(() => this._tick(), 1000);
    this._tick();
  }

  // ----- what is heard

  _lead(event) {
    this._tabs.say({ kind: "event", event });
    this._hear(event);
  }

  _hear(event) {
    const now = this._env.now();
    const first = !this._model.begun;
    this._liveness.heard();
    const news = this._model.take(event, now);
    if (this._liveness.state !== "live") this._tick();
    this._view.news(news);
    if (first && this._model.begun) this._view.flush();
    if (event.type === "snapshot") this._view.strips();
  }

  _state(state) {
    const now = this._env.now();
    const { until, ...rest } = state;
    this._tabs.say({
      kind: "state",
      ...rest,
      waitMs: until ? until - now : 0,
      hidden: this._document.hidden,
    });
    this._connected(state);
  }

  _connected(state) {
    this._connection = state;
    const wanted = state.phase === "refused";
    const open = state.phase === "open";
    this._model.refused = wanted;
    if (open || wanted) {
      for (const row of this._model.rows.values()) row.loaded = false;
      this._loader.reset(open);
      if (open) this._view.strips();
    } else if (state.phase === "waiting") this._loader.reset(false);
    if (wanted) this._view.redraw();
    if (open || wanted) this._view.tokenWanted(wanted ? wording(state, Boolean(this._token)) : "");
    this._show();
  }

  // ----- who leads

  _leads() {
    this._document.documentElement.dataset.leads = "";
    this._leaderHidden = false;
    this._paused = false;
    this._reader.start();
    this._letGoLater();
  }

  _follows() {
    delete this._document.documentElement.dataset.leads;
    this._reader.stop();
    this._greet();
  }

  _greet() {
    this._tabs.say({ kind: "hello", from: this._id });
  }

  _told(message) {
    const { kind } = message;
    if (kind === "token") this._tokenGiven(message.token, true);
    if (this._tabs.leads) {
      if (kind === "hello") this._welcome(message.from);
      if (kind === "now") this._tryNow();
      return;
    }
    if (kind === "event") {
      if (!this._model.begun && message.event.type !== "snapshot") this._greet();
      else this._hear(message.event);
    } else if (kind === "state") {
      this._leaderHidden = message.hidden;
      this._connected({
        ...message,
        until: message.waitMs ? this._env.now() + message.waitMs : undefined,
      });
    } else if (kind === "build") this._built(message.build);
    else if (kind === "welcome" && message.to === this._id) this._welcomed(message);
  }

  _welcome(to) {
    const now = this._env.now();
    const [model, connection] = [this._model, this._connection];
    this._tabs.say({
      kind: "welcome",
      to,
      begun: model.begun,
      rows: [...model.rows.values()],
      cursor: model.cursor,
      serverMs: model.serverNow(now),
      told: [...model.losses._told],
      token: this._token,
      build: this._other || this._build,
      heardMs: this._liveness.heardAt === null ? null : now - this._liveness.heardAt,
      state: {
        ...connection,
        until: undefined,
        waitMs: connection.until ? connection.until - now : 0,
      },
      hidden: this._document.hidden,
    });
  }

  _welcomed(message) {
    const now = this._env.now();
    this._answeredAt = now;
    const model = this._model;
    if (message.begun) {
      model.rows = new Map(message.rows.map((row) => [row.key, row]));
      Object.assign(model, {
        begun: true,
        cursor: message.cursor,
        serverMs: message.serverMs,
        serverAt: now,
      });
      model.losses._told = new Map(message.told);
    }
    if (message.token) this._keep(TOKEN_KEY, (this._token = message.token));
    if (message.heardMs !== null) this._liveness.heardAt = now - message.heardMs;
    this._leaderHidden = message.hidden;
    this._built(message.build);
    this._connected({
      ...message.state,
      until: message.state.waitMs ? now + message.state.waitMs : undefined,
    });
    this._tick();
    this._view.redraw();
    this._view.flush();
    this._view.strips();
  }

  // ----- time, sleep and hidden tabs

  _tick() {
    const slept = this._liveness.tick();
    if (slept === "woke") this._env.setTimeout(() => this._tick(), 1600);
    if (slept === "slept") this._slept();
    if (this._paused) return this._show();
    const { state, silentMs } = this._liveness;
    if (this._model.setLost(state === "lost", this._env.now())) this._view.redraw();
    if (this._tabs.leads) {
      const opened = this._reader.openedAt;
      const quiet = opened === null ? 0 : Math.min(silentMs || Infinity, this._env.now() - opened);
      if (quiet > SILENT_MS && !slept && state !== "live") this._reader.silent();
    } else if (
      !this._document.hidden &&
      (state === "late" || state === "lost" || !this._model.begun)
    )
      this._doubt();
    const minute = Math.floor(this._model.serverNow(this._env.now()) / 60000);
    if (minute !== this._minute) {
      this._minute = minute;
      this._view.strips();
    }
    return this._show();
  }

  // The tab that leads says nothing, or is hidden and cannot keep time: lead instead.
  _doubt() {
    const now = this._env.now();
    if (now - this._stolen < LATE_MS || this._connection.phase === "refused") return;
    const answers = this._connection.phase === "waiting" || this._connection.phase === "connecting";
    if (answers && !this._leaderHidden && this._model.begun) return;
    this._stolen = now;
    this._greet();
    this._env.setTimeout(() => {
      const still = this._liveness.state !== "live" || !this._model.begun;
      const unable = this._answeredAt < now || this._leaderHidden;
      if (still && unable && !this._tabs.leads && !this._document.hidden) this._tabs.steal();
    }, 1500);
  }

  // Wait no longer for the next try; what is open is left alone.
  _tryNow() {
    if (this._paused || this._connection.phase !== "waiting") return;
    if (this._tabs.leads) this._reader.again();
    else this._tabs.say({ kind: "now" });
  }

  // Nothing was heard since the machine slept: a connection of before may be none.
  _slept() {
    if (this._tabs.leads && !this._paused && this._connection.phase !== "refused")
      this._reader.again();
    else this._tryNow();
  }

  _woke() {
    this._env.setTimeout(() => this._tick(), this._liveness.woke() + 50);
  }

  _visibility() {
    const { hidden } = this._document;
    this._env.clearTimeout(this._pausing);
    if (!hidden) {
      this._woke();
      if (this._paused) {
        this._paused = false;
        this._reader.start();
      }
      this._view.redraw();
      this._view.flush();
      this._view.strips();
      this._show();
    } else {
      this._letGoLater();
      if (this._other) this._built(this._other);
    }
  }

  // Without locks a hidden tab keeps no stream: a browser gives one server six connections.
  _letGoLater() {
    this._env.clearTimeout(this._pausing);
    if (this._tabs.alone && this._document.hidden) {
      this._pausing = this._env.setTimeout(() => this._pause(), PAUSE_MS);
    }
  }

  _pause() {
    this._paused = true;
    this._reader.stop();
    this._liveness.heardAt = null;
    this._show();
    this._view.flush();
  }

  _putAway() {
    this._reader.stop();
    this._tabs.stop();
  }

  // Out of the back/forward cache: all that was said meanwhile is lost.
  _takenOut() {
    this._connection = { phase: "connecting" };
    this._woke();
    this._tabs.start();
  }

  _show() {
    const { phase, until, message } = this._connection;
    const live = this._paused ? "paused" : phase === "refused" ? "no token" : this._liveness.state;
    const now = this._env.now();
    const time = this._model.begun
      ? `${clock(this._model.serverNow(now), this._model.serverNow(now))} UTC`
      : "";
    const silent =
      this._liveness.heardAt === null ? "" : `nothing heard for ${age(this._liveness.silentMs)}`;
    const next = phase === "waiting" && until ? `next try in ${age(until - now + 999)}` : "";
    const why = phase === "refused" ? "" : message;
    const trying = next || (phase === "connecting" ? "connecting" : "");
    const note =
      live === "live" && phase === "open" ? [time] : [why, live === "live" ? "" : silent, trying];
    this._view.liveness(live, note.filter(Boolean).join(" · "), phase === "waiting");
  }

  // ----- token and build

  _tokenGiven(token, heard = false) {
    this._token = token;
    this._keep(TOKEN_KEY, token);
    if (!heard) this._tabs.say({ kind: "token", token });
    if (this._tabs.leads) this._reader.again();
  }

  _built(build) {
    if (this._tabs.leads) this._tabs.say({ kind: "build", build });
    this._other = build && build !== this._build ? build : "";
    this._view.buildOffered(
      this._other
        ? `The server is of another build (${build}) than this page (${this._build}).`
        : "",
    );
    if (!this._other || !(this._document.hidden || this._view.filters.tv)) return;
    const before = parsed(this._stored(RELOADED_KEY) || "{}") || {};
    if (before.build === build && Math.abs(this._env.wall() - before.at) < RELOAD_GUARD_MS) return;
    this._keep(RELOADED_KEY, JSON.stringify({ build, at: this._env.wall() }));
    this._env.setTimeout(() => this._document.location.reload(), 5000 * this._env.random());
  }

  _stored(key) {
    try {
      return this._env.storage.getItem(key) || "";
    } catch {
      return "";
    }
  }

  _keep(key, value) {
    try {
      this._env.storage.setItem(key, value);
    } catch {
      // A browser that keeps nothing: the token is good for this page alone.
    }
  }

  async _spans(row) {
    if (!this._loader.on) return null;
    const query = new URLSearchParams({
      since: "1h",
      clusters: "1",
      component: exactly(row.component),
    });
    try {
      const { body } = await timeline(query, this._token, this._env);
      const found = body && list(body.components).find((one) => keyOf(one) === row.key);
      return found ? list(found.spans) : null;
    } catch {
      return null;
    }
  }
}

const wording = ({ status, message }, had) =>
  status === 403 || had
    ? `The token was refused: ${message}`
    : "This server asks for a token. It is kept until this tab is closed.";

if (typeof document !== "undefined") {
  const env = {
    fetch: (...given) => fetch(...given),
    setTimeout: (...given) => setTimeout(...given),
    clearTimeout: (timer) => clearTimeout(timer),
    setInterval: (...given) => setInterval(...given),
    now: () => performance.now(),
    wall: () => Date.now(),
    random: () => Math.random(),
    locks: navigator.locks,
    BroadcastChannel: globalThis.BroadcastChannel,
    get storage() {
      return sessionStorage;
    },
  };
  new StatusPage(document, env).start();
} else {
  module.exports = {
    EventStreamDecoder,
    EventTooLarge,
    Losses,
    Model,
    Liveness,
    StreamReader,
    StripLoader,
    Tabs,
    columnsOf,
    filtersOf,
    fragmentOf,
    newStrip,
    mark,
    minutesOf,
    recall,
    passes,
    retryAfterMs,
    runsOf,
    verdictOf,
    age,
    exactly,
  };
}
