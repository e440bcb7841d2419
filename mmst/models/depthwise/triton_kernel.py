"""placeholder"""
TYPES = ()
def available(): return False
