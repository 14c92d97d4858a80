/** Types of client.js. Times are seconds of the client's audio, from its start on. */

/** Fields of the protocol's `start`; every one has a default. */
export interface StartOptions {
  format?: "pcm16le" | "f32le" | "mulaw" | "alaw";
  rate?: number;
  channels?: number;
  lang?: string | string[];
  model?: string;
  words?: boolean;
  partials?: boolean;
  prompt?: string;
  translate?: boolean;
  endpoint_ms?: number;
}

/** What may change between utterances. */
export type Changes = Pick<
  StartOptions,
  "lang" | "model" | "words" | "partials" | "prompt" | "endpoint_ms"
>;

export interface Ready {
  type: "ready";
  session: string;
  model: string;
  lang: string;
  offset: number;
}

export interface Partial {
  type: "partial";
  utterance: number;
  text: string;
  /** Only ever grows within an utterance, but for `isAnew` of `onState`. */
  stable: string;
  /** The rest of `text`, which may change. */
  tentative: string;
  ts: number;
  te: number;
  lag_ms?: number;
}

export interface Word {
  word: string;
  start: number;
  end: number;
  /** 0 to 1. */
  conf: number;
}

export interface Final {
  type: "final";
  utterance: number;
  text: string;
  ts: number;
  te: number;
  lang: string;
  conf: number;
  words?: Word[];
  lag_ms?: number;
}

export interface Speech {
  type: "speech";
  state: "start" | "end";
  ts: number;
}

export interface Warning {
  type: "warning";
  code: string;
  message: string;
  step_ms?: number;
}

export interface End {
  type: "end";
  offset: number;
  finals: number;
}

/** `lost` waits and tries again; `over` is for good. */
export type State = "connecting" | "open" | "lost" | "over";

export interface Backoff {
  firstMs: number;
  longestMs: number;
  tries: number;
  giveUpMs: number;
}

export interface ClientOptions {
  /** ws, wss, http or https, such as `new URL("/stt", location.href)`. */
  url: string | URL;
  start?: StartOptions;
  /** Text, or a function that is asked for each connection. */
  token?: string | (() => string | Promise<string>);
  backoff?: { [Field in keyof Backoff]?: number };
  /** Unsettled audio kept for a lost connection. */
  maxLogBytes?: number;
  onReady?: (ready: Ready) => void;
  onPartial?: (partial: Partial) => void;
  /** When `stable` of the open utterance has grown. */
  onStable?: (partial: Partial) => void;
  onFinal?: (final: Final) => void;
  onSpeech?: (speech: Speech) => void;
  onWarning?: (warning: Warning) => void;
  /**
   * `isAnew`: the server had lost the session, and a new one goes on behind the last final;
   * `stable` of the open utterance begins again.
   */
  onState?: (
    state: State,
    detail: { isResumed?: boolean; isAnew?: boolean; waitMs?: number },
  ) => void;
  /** Once; `error` is null after `end` or `close`. */
  onEnd?: (result: { error: TranscriptionError | null; end: End | null }) => void;
  /** Another WebSocket than the browser's. */
  WebSocket?: new (url: string) => unknown;
  random?: () => number;
}

export class TranscriptionError extends Error {
  constructor(code: string, message: string, retryable?: boolean);
  /** The server's, or `connection_lost`, `buffer_full`, `cannot_open` (a bad address, no token). */
  readonly code: string;
  readonly retryable: boolean;
  /** Close code of a lost connection. */
  readonly close?: number;
}

export class TranscriptionClient {
  constructor(options: ClientOptions);
  readonly state: "new" | State;
  /** The server's name for it; another one after `isAnew`. */
  readonly session: string | null;
  readonly isOver: boolean;
  /** Open the session; resolves with `ready`, rejects with a TranscriptionError. */
  connect(): Promise<Ready>;
  /** Send audio of the format that `start` names, in pieces of any length. */
  sendAudio(audio: ArrayBuffer | ArrayBufferView): void;
  /** Resolve when more of a file may be sent; a microphone need not wait. */
  hasRoom(): Promise<void>;
  /** Change `lang`, `model` and so on from the next utterance on. */
  set(changes: Changes): void;
  /** Finish the open utterance now. */
  flush(): void;
  /** Keep utterances open through silence until the next `flush`. */
  hold(): void;
  /** Say that no more audio comes; the remaining finals and `onEnd` follow. */
  end(): void;
  /** Leave at once; finals that have not come are lost. */
  close(): void;
  /** Try now instead of waiting, when the network is known to be back. */
  reconnectNow(): void;
}

export const MAX_LOG_BYTES: number;
export const MAX_SOCKET_BYTES: number;
export const BACKOFF: Readonly<Backoff>;
