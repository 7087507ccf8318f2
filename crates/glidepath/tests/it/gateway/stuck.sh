#!/bin/sh
# A gateway that never serves.
exec sleep 600
