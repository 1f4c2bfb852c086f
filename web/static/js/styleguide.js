// The style guide's page: the same menus, toast and dialog as everywhere.

import "./menu.js";
import { bindTheme } from "./prefs.js";
import "./toast.js";

bindTheme();
document.getElementById("open-dialog").addEventListener("click", () => document.getElementById("sample-dialog").showModal());
