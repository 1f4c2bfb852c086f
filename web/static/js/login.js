// The pages to sign in: the colours menu, and lines that can be copied. Signing in itself needs no script.

import { bindTheme } from "./prefs.js";
import "./toast.js";

bindTheme();
