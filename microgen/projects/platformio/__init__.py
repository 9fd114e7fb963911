"""PlatformIO projects: their files, and the tool that compiles and flashes them."""
