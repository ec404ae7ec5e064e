//! The promises, a module each, kept by the real programs.

mod the_world;
