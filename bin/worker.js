// A thread that replays recordings for `seccam test --jobs`.
import { loadScript } from './script.js';

await loadScript().replayWorker();
