// Pages that stay as they were painted (to sign in, settings, the reference): the colours menu, and lines to copy.

import { bindTheme } from "./prefs.js";
import "./toast.js";

bindTheme();
