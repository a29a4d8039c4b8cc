"""The services that `make up` starts. Commands know `interface` alone; `local` is the way that needs no containers."""
