// Starts what makes pages more comfortable. Every page works without it.

import { startCopying } from "./copy.js";
import { startDrafts } from "./drafts.js";
import { startLive } from "./live.js";
import { startShortcuts } from "./shortcuts.js";
import { startUndo } from "./undo.js";

startCopying();
startDrafts();
startShortcuts();
startUndo();
startLive();
