//! The workbench: the case, its edits, tools, jobs and live results.
