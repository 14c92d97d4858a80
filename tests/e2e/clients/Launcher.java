// Ends a client of Java when its work is done. The library of vosk-server's example may
// leave a timer behind where both sides close at once, and Java would wait for it.
class Launcher {
    public static void main(String[] arguments) throws Exception {
        VoskClient.main(arguments);
        System.exit(0);
    }
}
