"""What lies in a folder of results until its run is finished, and how a run goes on from it."""
