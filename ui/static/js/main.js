// Starts what makes pages more comfortable. Every page works without it.

import { startDrafts } from "./drafts.js";
import { startLive } from "./live.js";
import { startShortcuts } from "./shortcuts.js";
import { startUndo } from "./undo.js";

startDrafts();
startShortcuts();
startUndo();
startLive();
