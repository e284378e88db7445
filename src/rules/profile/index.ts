/** Profiles of normal behaviour: learnt from recordings, held against events. */
export { profileCodes } from './codes.js';
export { ProfileLearner } from './learn.js';
export { type Behaviour, CompiledProfile, type FileUse, parseProfile, printProfile, type Profile } from './profile.js';
export { ProfileWatch } from './watch.js';
